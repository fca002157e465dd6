-- Copies of guests' disks that are kept; the files are the host's. 'coming': the copy is being made. 'going': it is being
-- removed. One that has a time goes when that has come: it was put aside by a reset or a restore.
CREATE TABLE snapshots (
    id          TEXT    NOT NULL PRIMARY KEY,
    guest       TEXT    NOT NULL REFERENCES guests (id) ON DELETE CASCADE,
    kind        TEXT    NOT NULL CHECK (kind IN ('taken', 'before_reset', 'before_restore')),
    name        TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('coming', 'kept', 'going')),
    taken_bytes BIGINT  NOT NULL,
    made_at     BIGINT  NOT NULL,
    goes_at     BIGINT
);
CREATE INDEX snapshots_guest ON snapshots (guest, made_at);
-- What is looked for every few seconds.
CREATE INDEX snapshots_goes_at ON snapshots (goes_at) WHERE goes_at IS NOT NULL;

-- A kind of quota; administrators have no limit.
INSERT INTO quota_roles (role, kind, most) VALUES
    ('user', 'snapshots', 10),
    ('operator', 'snapshots', 10),
    ('teacher', 'snapshots', 60),
    ('group', 'snapshots', 20);
