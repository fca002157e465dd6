-- Lists of guests come a page at a time: the state that people see is a column, and each order has an index.
ALTER TABLE guests ADD COLUMN state TEXT NOT NULL DEFAULT 'stopped';

UPDATE guests SET state = CASE
    WHEN wanted = 'deleted' AND (seen LIKE '{"seen":"gone"%' OR seen LIKE '{"seen":"ended"%') THEN 'deleted'
    WHEN wanted <> 'running' AND seen NOT LIKE '{"seen":"gone"%' AND seen NOT LIKE '{"seen":"ended"%' THEN 'stopping'
    WHEN seen LIKE '{"seen":"stopping"%' THEN 'stopping'
    WHEN seen LIKE '{"seen":"starting"%' THEN 'starting'
    WHEN seen LIKE '{"seen":"running"%' THEN 'running'
    WHEN seen LIKE '{"seen":"paused"%' THEN 'paused'
    WHEN seen LIKE '{"seen":"ended"%' AND (seen LIKE '%"exit":"failed"%' OR seen LIKE '%"exit":"crashed"%'
        OR seen LIKE '%"exit":"out_of_memory"%' OR seen LIKE '%"exit":"shim_lost"%'
        OR seen LIKE '%"exit":"not_started"%') THEN 'crashed'
    WHEN wanted = 'running' THEN 'starting'
    ELSE 'stopped'
END;

CREATE INDEX guests_name ON guests (name, id);
CREATE INDEX guests_created_at ON guests (created_at, id);
CREATE INDEX guests_state ON guests (state, name, id);
