-- What was asked for, by whom, and how it ended. Rows are only added; each hash is over the one before.

CREATE TABLE audit (
    number      BIGINT NOT NULL PRIMARY KEY,
    at          BIGINT NOT NULL,
    -- No foreign key: what somebody did is remembered when they are gone.
    account     TEXT,
    name        TEXT   NOT NULL,
    action      TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    object      TEXT   NOT NULL,
    object_name TEXT   NOT NULL,
    detail      TEXT   NOT NULL,
    via         TEXT   NOT NULL,
    address     TEXT   NOT NULL,
    outcome     TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    hash        TEXT   NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_name ON audit (name, number);
CREATE INDEX audit_object ON audit (object, number);

-- The hash that a row had, kept when the row is removed for its age.
CREATE TABLE audit_checkpoints (
    number BIGINT NOT NULL PRIMARY KEY,
    hash   TEXT   NOT NULL,
    at     BIGINT NOT NULL
);

-- What is being done at this moment: a row that has no number yet, as JSON. What a crash leaves here is
-- numbered by the next life of the panel.
CREATE TABLE audit_pending (
    id    TEXT   NOT NULL PRIMARY KEY,
    at    BIGINT NOT NULL,
    entry TEXT   NOT NULL
);
