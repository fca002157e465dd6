-- Copies that are taken by themselves: how often, and how many of them are kept. 'failed' is why the last one wasn't.
CREATE TABLE snapshot_plans (
    guest   TEXT   NOT NULL PRIMARY KEY REFERENCES guests (id) ON DELETE CASCADE,
    every   TEXT   NOT NULL CHECK (every IN ('hour', 'six_hours', 'day', 'week')),
    keep    BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    failed  TEXT
);
-- What is looked for every few seconds.
CREATE INDEX snapshot_plans_next_at ON snapshot_plans (next_at);

-- Only those that a plan took are removed by it.
ALTER TABLE snapshots ADD COLUMN planned BOOLEAN NOT NULL DEFAULT FALSE;
