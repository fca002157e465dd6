-- Backups that are made by themselves: how often, and how many of them are kept. 'operation' makes the last one, until it is
-- known how that ended; 'failed' is why the last one wasn't made.
CREATE TABLE backup_plans (
    guest     TEXT   NOT NULL PRIMARY KEY REFERENCES guests (id) ON DELETE CASCADE,
    every     TEXT   NOT NULL CHECK (every IN ('hour', 'six_hours', 'day', 'week')),
    keep      BIGINT NOT NULL,
    next_at   BIGINT NOT NULL,
    operation TEXT,
    failed    TEXT
);
-- What is looked for every minute.
CREATE INDEX backup_plans_next_at ON backup_plans (next_at);

-- Only those that a plan made are removed by it.
ALTER TABLE guest_backups ADD COLUMN planned BOOLEAN NOT NULL DEFAULT FALSE;
