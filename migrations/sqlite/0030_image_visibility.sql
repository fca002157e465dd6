-- Who sees an image: 'public', 'private' (who manages images), or 'group:ID'. A group that is gone is nobody's.
ALTER TABLE images ADD COLUMN visibility TEXT NOT NULL DEFAULT 'public';
