-- Disks that guests have beside their own; the files are the host's. 'coming': the file is being made. 'going': it is being
-- removed. Their sizes count as disk of their owner's.
CREATE TABLE volumes (
    id         TEXT   NOT NULL PRIMARY KEY,
    host       TEXT   NOT NULL REFERENCES hosts (id),
    owner      TEXT   NOT NULL REFERENCES accounts (id),
    name       TEXT   NOT NULL,
    size_mib   BIGINT NOT NULL,
    state      TEXT   NOT NULL CHECK (state IN ('coming', 'kept', 'going')),
    created_at BIGINT NOT NULL,
    UNIQUE (owner, name)
);

-- Which guest has which of them, where in the guest it is, and what the guest may do with it.
CREATE TABLE volume_attachments (
    volume      TEXT   NOT NULL REFERENCES volumes (id),
    guest       TEXT   NOT NULL REFERENCES guests (id) ON DELETE CASCADE,
    slot        TEXT   NOT NULL CHECK (slot IN ('c', 'd', 'e', 'f', 'g', 'h')),
    access      TEXT   NOT NULL CHECK (access IN ('read_only', 'read_write')),
    attached_at BIGINT NOT NULL,
    PRIMARY KEY (volume, guest),
    UNIQUE (guest, slot)
);
-- Whoever writes to it is one.
CREATE UNIQUE INDEX volume_attachments_writer ON volume_attachments (volume) WHERE access = 'read_write';
