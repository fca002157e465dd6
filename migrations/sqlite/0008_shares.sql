-- Single rights on a guest, given to an account that isn't its owner.
CREATE TABLE guest_shares (
    guest      TEXT   NOT NULL REFERENCES guests (id) ON DELETE CASCADE,
    account    TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- Words, with a blank between two.
    rights     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (guest, account)
);
CREATE INDEX guest_shares_account ON guest_shares (account);
