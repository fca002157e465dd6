-- Quotas: what an account may have, and what of it is taken.

-- An account without a limit of its own has its role's; a role without a row for a kind has none.
CREATE TABLE quota_roles (
    role TEXT   NOT NULL,
    kind TEXT   NOT NULL,
    most BIGINT NOT NULL,
    PRIMARY KEY (role, kind)
);

-- An account's own limits, which go before its role's. NULL is as much as there is.
CREATE TABLE quota_accounts (
    account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    kind    TEXT NOT NULL,
    most    BIGINT,
    PRIMARY KEY (account, kind)
);

-- What each guest holds. Written in the transaction that changes what is wanted, now and then before its
-- guest is; taken away with it by name, so that a total never keeps what is gone.
CREATE TABLE reservations (
    guest   TEXT   NOT NULL REFERENCES guests (id) DEFERRABLE INITIALLY DEFERRED,
    kind    TEXT   NOT NULL,
    account TEXT   NOT NULL REFERENCES accounts (id),
    amount  BIGINT NOT NULL,
    PRIMARY KEY (guest, kind)
);
CREATE INDEX reservations_account ON reservations (account, kind);

-- Their sums, one row to a limit: what is asked for at once meets there.
CREATE TABLE quota_totals (
    account TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    kind    TEXT   NOT NULL,
    used    BIGINT NOT NULL,
    PRIMARY KEY (account, kind)
);

-- Administrators have no limits. Memory and disk in MiB.
INSERT INTO quota_roles (role, kind, most) VALUES
    ('user', 'guests', 20),
    ('user', 'running', 10),
    ('user', 'memory', 4096),
    ('user', 'cpu_weight', 1000),
    ('user', 'disk', 65536),
    ('user', 'taps', 20),
    ('user', 'ports', 32),
    ('operator', 'guests', 20),
    ('operator', 'running', 10),
    ('operator', 'memory', 4096),
    ('operator', 'cpu_weight', 1000),
    ('operator', 'disk', 65536),
    ('operator', 'taps', 20),
    ('operator', 'ports', 32),
    ('teacher', 'guests', 120),
    ('teacher', 'running', 60),
    ('teacher', 'memory', 16384),
    ('teacher', 'cpu_weight', 6000),
    ('teacher', 'disk', 524288),
    ('teacher', 'taps', 120),
    ('teacher', 'ports', 128);

-- Guests that are there already. A guest holds memory while it runs, is wanted to, or is about to be asked.
INSERT INTO reservations (guest, kind, account, amount)
    SELECT id, 'guests', owner, 1 FROM guests;
INSERT INTO reservations (guest, kind, account, amount)
    SELECT id, 'disk', owner, disk_mib FROM guests WHERE disk_kind <> 'memory';
INSERT INTO reservations (guest, kind, account, amount)
    SELECT id, 'taps', owner, 1 FROM guests WHERE network = 'bridge';
INSERT INTO reservations (guest, kind, account, amount)
    SELECT id, 'running', owner, 1 FROM guests
    WHERE wanted = 'running' OR seen LIKE '{"seen":"starting"%' OR seen LIKE '{"seen":"running"%'
        OR seen LIKE '{"seen":"paused"%' OR seen LIKE '{"seen":"stopping"%'
        OR id IN (SELECT guest FROM operations WHERE over = FALSE AND guest IS NOT NULL AND kind IN
            ('guest_create', 'guest_adopt', 'guest_start', 'guest_start_shell', 'guest_restart'));
INSERT INTO reservations (guest, kind, account, amount)
    SELECT g.id, 'memory', g.owner, g.memory_mib FROM guests g JOIN reservations r ON r.guest = g.id AND r.kind = 'running';
INSERT INTO reservations (guest, kind, account, amount)
    SELECT g.id, 'cpu_weight', g.owner, g.cpu_weight FROM guests g JOIN reservations r ON r.guest = g.id AND r.kind = 'running';
INSERT INTO reservations (guest, kind, account, amount)
    SELECT g.id, 'ports', g.owner, COUNT(*) FROM guests g JOIN forwards f ON f.guest = g.id GROUP BY g.id, g.owner;
INSERT INTO quota_totals (account, kind, used)
    SELECT account, kind, CAST(SUM(amount) AS BIGINT) FROM reservations GROUP BY account, kind;
