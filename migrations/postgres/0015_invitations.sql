-- Links by which people make accounts of their own. One is good for as long as whoever made it may invite.
CREATE TABLE invitations (
    id         TEXT   NOT NULL PRIMARY KEY,
    -- SHA-256 of what the link holds.
    token      TEXT   NOT NULL UNIQUE,
    note       TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    group_id   TEXT   REFERENCES account_groups (id) ON DELETE CASCADE,
    group_role TEXT   NOT NULL,
    -- Own limits of the new accounts, as JSON.
    limits     TEXT   NOT NULL,
    uses       BIGINT NOT NULL,
    used       BIGINT NOT NULL,
    created_by TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX invitations_group ON invitations (group_id);
