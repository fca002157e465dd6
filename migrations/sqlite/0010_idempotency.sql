-- What was asked under a key, for a day: a request that comes again is answered and not carried out.
CREATE TABLE idempotency_keys (
    account         TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    idempotency_key TEXT   NOT NULL,
    -- A hash of method, address and body.
    asked           TEXT   NOT NULL,
    -- None until it is carried out.
    status          BIGINT,
    content_type    TEXT   NOT NULL,
    -- None where it holds a secret.
    body            TEXT,
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (account, idempotency_key)
);

CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
