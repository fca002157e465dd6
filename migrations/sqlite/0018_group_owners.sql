-- Groups own guests and networks as accounts do: each has a row among them with its own id, as what nobody signs in
-- to. Its name begins with a sign that no account's has.
INSERT INTO accounts (id, name, role, state, password_hash, must_change_password, created_at, rights)
    SELECT id, '@' || name, 'group', 'active', '', FALSE, created_at, 0 FROM account_groups;

-- What a group has that has no limit of its own. Memory and disk in MiB.
INSERT INTO quota_roles (role, kind, most) VALUES
    ('group', 'guests', 40),
    ('group', 'running', 20),
    ('group', 'memory', 8192),
    ('group', 'cpu_weight', 2000),
    ('group', 'disk', 131072),
    ('group', 'taps', 40),
    ('group', 'ports', 64);

-- Whose guests an account reaches by groups, and how: members' whose group it manages, and the groups' own that it is
-- in. The one place where SQL says so.
DROP VIEW managed_accounts;
CREATE VIEW reached_owners AS
    SELECT k.account AS account, m.account AS owner, 'managed' AS how
    FROM group_members k JOIN group_members m ON m.group_id = k.group_id
    WHERE k.role = 'manager' AND m.role = 'member'
    UNION
    SELECT account, group_id, role FROM group_members;

-- A token may be good for one group's guests and nothing else, as long as its account is in the group.
ALTER TABLE tokens ADD COLUMN group_id TEXT REFERENCES account_groups (id) ON DELETE CASCADE;
