-- Who a sign-in provider elsewhere vouches for, and which account that is here.
CREATE TABLE oidc_links (
    issuer     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    account    TEXT    NOT NULL UNIQUE REFERENCES accounts (id) ON DELETE CASCADE,
    created_at BIGINT  NOT NULL,
    -- The account was opened by it and has no password that anybody knows.
    opened     BOOLEAN NOT NULL,
    PRIMARY KEY (issuer, subject)
);
