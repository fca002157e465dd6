-- What was used, by day and account: sums that only grow.

CREATE TABLE usage_days (
    -- Days since the epoch, UTC.
    day          BIGINT NOT NULL,
    account      TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    guest_s      BIGINT NOT NULL,
    memory_mib_s BIGINT NOT NULL,
    disk_mib_s   BIGINT NOT NULL,
    PRIMARY KEY (account, day)
);

CREATE INDEX usage_days_by_day ON usage_days (day);
