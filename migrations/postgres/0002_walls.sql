-- How a guest is started, what it may take, and networks. Guests of before get what they had.

ALTER TABLE guests ADD COLUMN autostart BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE guests ADD COLUMN mode TEXT NOT NULL DEFAULT 'strict';
ALTER TABLE guests ADD COLUMN clock TEXT NOT NULL DEFAULT 'real';
ALTER TABLE guests ADD COLUMN network TEXT NOT NULL DEFAULT 'none';
ALTER TABLE guests ADD COLUMN cpu_weight BIGINT NOT NULL DEFAULT 100;
ALTER TABLE guests ADD COLUMN cpu_percent BIGINT;
ALTER TABLE guests ADD COLUMN processes BIGINT NOT NULL DEFAULT 4096;
ALTER TABLE guests ADD COLUMN net_mbit BIGINT;
ALTER TABLE guests ADD COLUMN disk_mib_s BIGINT;
-- Whether the host knows of the limits; until then it is told again.
ALTER TABLE guests ADD COLUMN limits_heard BOOLEAN NOT NULL DEFAULT TRUE;
-- What the next start boots into; 'normal' again after it.
ALTER TABLE guests ADD COLUMN boot TEXT NOT NULL DEFAULT 'normal';
-- The last byte of its address in its owner's network; kept while the guest is, whatever it is plugged into.
ALTER TABLE guests ADD COLUMN number BIGINT;

CREATE UNIQUE INDEX guests_number ON guests (host, owner, number);

-- One network for each account on each host.
CREATE TABLE networks (
    id         TEXT   NOT NULL PRIMARY KEY,
    host       TEXT   NOT NULL REFERENCES hosts (id),
    owner      TEXT   NOT NULL REFERENCES accounts (id),
    created_at BIGINT NOT NULL,
    UNIQUE (host, owner)
);

CREATE TABLE forwards (
    host       TEXT   NOT NULL REFERENCES hosts (id),
    host_port  BIGINT NOT NULL,
    guest      TEXT   NOT NULL REFERENCES guests (id) ON DELETE CASCADE,
    guest_port BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (host, host_port)
);
CREATE INDEX forwards_guest ON forwards (guest);

-- What people said about kernels; what a kernel is, the host knows.
CREATE TABLE kernels (
    host    TEXT    NOT NULL REFERENCES hosts (id),
    id      TEXT    NOT NULL,
    note    TEXT    NOT NULL,
    -- Not offered any more; guests that have it keep it.
    retired BOOLEAN NOT NULL,
    PRIMARY KEY (host, id)
);
