-- Wishes for more of a quota.

CREATE TABLE quota_requests (
    id         TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    kind       TEXT   NOT NULL,
    wanted     BIGINT NOT NULL,
    why        TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    decided_at BIGINT,
    -- Their name: what was decided is remembered when they are gone.
    decided_by TEXT
);
CREATE INDEX quota_requests_account ON quota_requests (account, created_at);
CREATE INDEX quota_requests_state ON quota_requests (state, created_at);
