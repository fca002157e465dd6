-- Grows with every change of what an account may do, so that whoever holds a connection for it notices.
ALTER TABLE accounts ADD COLUMN rights BIGINT NOT NULL DEFAULT 0;
