-- Accounts together: a class, a team, a tenant. A word that SQL knows is no name for a table.
CREATE TABLE account_groups (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    -- class, team or tenant
    kind       TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE group_members (
    group_id TEXT   NOT NULL REFERENCES account_groups (id) ON DELETE CASCADE,
    account  TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- manager or member
    role     TEXT   NOT NULL,
    since    BIGINT NOT NULL,
    PRIMARY KEY (group_id, account)
);
CREATE INDEX group_members_account ON group_members (account);
-- Who manages whom, by any group: the one place where SQL says so.
CREATE VIEW managed_accounts AS
    SELECT DISTINCT k.account AS manager, m.account AS account
    FROM group_members k JOIN group_members m ON m.group_id = k.group_id
    WHERE k.role = 'manager' AND m.role = 'member';
