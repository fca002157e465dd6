-- How an account stands is one word instead of a flag; and it may have an end.
ALTER TABLE accounts ADD COLUMN state TEXT NOT NULL DEFAULT 'active';
UPDATE accounts SET state = 'suspended' WHERE enabled = FALSE;
ALTER TABLE accounts DROP COLUMN enabled;
ALTER TABLE accounts ADD COLUMN expires_at BIGINT;
