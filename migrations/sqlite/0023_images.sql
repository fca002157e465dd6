-- What people said about images; what an image is, the host knows. 'going': it is being taken away, nothing new is made of it.
CREATE TABLE images (
    host        TEXT    NOT NULL REFERENCES hosts (id),
    id          TEXT    NOT NULL,
    note        TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('offered', 'deprecated', 'going')),
    PRIMARY KEY (host, id)
);
-- Who has one.
CREATE INDEX guests_image ON guests (host, image);
