-- What proves somebody beside their password: a secret shared with their telephone.
CREATE TABLE second_factors (
    account      TEXT   PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    -- Sealed with a key that lies beside the database, not in it.
    sealed       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    -- Null until the first code was right.
    confirmed_at BIGINT,
    -- The newest step of time whose code was used; none before it is good any more.
    last_step    BIGINT NOT NULL
);

-- For who has lost the telephone. Each is removed as it is used.
CREATE TABLE recovery_codes (
    account TEXT NOT NULL REFERENCES second_factors (account) ON DELETE CASCADE,
    -- SHA-256 in hexadecimal.
    hash    TEXT NOT NULL,
    PRIMARY KEY (account, hash)
);
