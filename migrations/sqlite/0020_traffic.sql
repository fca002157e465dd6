-- What passed guests' cards, in bytes: by day and account, and of each guest as far as it was counted.
ALTER TABLE usage_days ADD COLUMN received BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_days ADD COLUMN sent BIGINT NOT NULL DEFAULT 0;

CREATE TABLE traffic_counted (
    guest    TEXT   NOT NULL PRIMARY KEY REFERENCES guests (id) ON DELETE CASCADE,
    received BIGINT NOT NULL,
    sent     BIGINT NOT NULL
);
