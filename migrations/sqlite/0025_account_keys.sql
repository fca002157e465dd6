-- Public keys of people, which they let into their guests. Nothing here is secret.

CREATE TABLE account_keys (
    id          TEXT   NOT NULL PRIMARY KEY,
    account     TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name        TEXT   NOT NULL,
    -- A line of authorized_keys (sshd(8)).
    public_key  TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    UNIQUE (account, fingerprint)
);
