-- Of which image the disk was that a snapshot is a copy of: another one than its guest's, where that was rebuilt since.
ALTER TABLE snapshots ADD COLUMN image TEXT NOT NULL DEFAULT '';
UPDATE snapshots SET image = (SELECT g.image FROM guests g WHERE g.id = snapshots.guest);
