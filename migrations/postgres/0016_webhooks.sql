-- Where events are sent.
CREATE TABLE webhooks (
    id         TEXT   NOT NULL PRIMARY KEY,
    url        TEXT   NOT NULL,
    -- Words, with a blank between two.
    events     TEXT   NOT NULL,
    -- What signs them, sealed by the key beside the database.
    sealed     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    -- When the receiver said that it is gone for good.
    gone_at    BIGINT
);

-- Written before anything is sent, so that a panel that ends in between sends it in its next life.
CREATE TABLE webhook_deliveries (
    id          TEXT   NOT NULL PRIMARY KEY,
    webhook     TEXT   NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event       TEXT   NOT NULL,
    body        TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    tries       BIGINT NOT NULL,
    -- Of one that waits.
    next_try_at BIGINT NOT NULL,
    -- What came of the last try, in words.
    answer      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook, state, next_try_at);
CREATE INDEX webhook_deliveries_created ON webhook_deliveries (created_at);

-- When something was told last, so that it isn't told again too soon.
CREATE TABLE alerts (
    event   TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    told_at BIGINT NOT NULL,
    PRIMARY KEY (event, subject)
);
