-- Copies of guests' disks that are kept elsewhere; what is in them, the directory of backups says. A backup outlives its
-- guest, so nothing refers to that. 'coming': it is being made. 'going': it is being removed. 'held_bytes' is what of the
-- disk isn't zero, 'stored_bytes' what it has taken beside what was there already.
CREATE TABLE guest_backups (
    id           TEXT   NOT NULL PRIMARY KEY,
    host         TEXT   NOT NULL REFERENCES hosts (id),
    owner        TEXT   NOT NULL,
    guest        TEXT   NOT NULL,
    spec         TEXT   NOT NULL,
    state        TEXT   NOT NULL CHECK (state IN ('coming', 'kept', 'going')),
    held_bytes   BIGINT NOT NULL,
    stored_bytes BIGINT NOT NULL,
    made_at      BIGINT NOT NULL
);
CREATE INDEX guest_backups_guest ON guest_backups (guest, made_at);
CREATE INDEX guest_backups_owner ON guest_backups (owner);
