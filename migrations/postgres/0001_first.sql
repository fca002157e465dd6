-- Ids are UUIDs as text, times µs since the epoch (UTC), states words or JSON.

CREATE TABLE panel (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE hosts (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE accounts (
    id                   TEXT    NOT NULL PRIMARY KEY,
    name                 TEXT    NOT NULL UNIQUE,
    role                 TEXT    NOT NULL,
    enabled              BOOLEAN NOT NULL,
    password_hash        TEXT    NOT NULL,
    must_change_password BOOLEAN NOT NULL,
    created_at           BIGINT  NOT NULL,
    last_sign_in_at      BIGINT
);

-- The id is a SHA-256 of what the cookie holds: whoever reads the table can't sign in with it.
CREATE TABLE sessions (
    id           TEXT   NOT NULL PRIMARY KEY,
    account      TEXT   REFERENCES accounts (id) ON DELETE CASCADE,
    data         TEXT   NOT NULL,
    address      TEXT   NOT NULL,
    user_agent   TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX sessions_account ON sessions (account);

-- What is wanted and what is seen are never one column.
CREATE TABLE guests (
    id                TEXT    NOT NULL PRIMARY KEY,
    host              TEXT    NOT NULL REFERENCES hosts (id),
    owner             TEXT    NOT NULL REFERENCES accounts (id),
    name              TEXT    NOT NULL,
    note              TEXT    NOT NULL,
    image             TEXT    NOT NULL,
    kernel            TEXT    NOT NULL,
    memory_mib        BIGINT  NOT NULL,
    disk_mib          BIGINT  NOT NULL,
    disk_kind         TEXT    NOT NULL,
    restart_policy    TEXT    NOT NULL,
    disk_ready        BOOLEAN NOT NULL,
    wanted            TEXT    NOT NULL,
    purge_at          BIGINT,
    epoch             BIGINT  NOT NULL,
    generation        BIGINT  NOT NULL,
    seen              TEXT    NOT NULL,
    seen_epoch        BIGINT  NOT NULL,
    seen_generation   BIGINT  NOT NULL,
    -- Ends in a row that nobody asked for, and when the next try is due.
    failures          BIGINT  NOT NULL,
    next_try_at       BIGINT,
    -- When patience with a shut-down ends.
    kill_at           BIGINT,
    waiting           TEXT,
    created_at        BIGINT  NOT NULL,
    UNIQUE (owner, name)
);

CREATE TABLE operations (
    id             TEXT    NOT NULL PRIMARY KEY,
    kind           TEXT    NOT NULL,
    -- No foreign key: what was done to a guest is remembered when the guest is gone.
    guest          TEXT,
    guest_name     TEXT    NOT NULL,
    owner          TEXT    NOT NULL,
    requester      TEXT    NOT NULL,
    requester_name TEXT    NOT NULL,
    params         TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    over           BOOLEAN NOT NULL,
    cancel_wanted  BOOLEAN NOT NULL,
    created_at     BIGINT  NOT NULL,
    ended_at       BIGINT
);
CREATE INDEX operations_owner ON operations (owner, created_at);
CREATE INDEX operations_guest ON operations (guest, created_at);

CREATE TABLE operation_steps (
    operation TEXT   NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
    position  BIGINT NOT NULL,
    name      TEXT   NOT NULL,
    state     TEXT   NOT NULL,
    PRIMARY KEY (operation, position)
);

CREATE TABLE operation_log (
    operation TEXT   NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
    number    BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    line      TEXT   NOT NULL,
    PRIMARY KEY (operation, number)
);
