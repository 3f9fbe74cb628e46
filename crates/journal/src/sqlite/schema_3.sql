-- Version 3: how far what happens on a cluster has been followed. A released file is never edited, see
-- schema_1.sql.

CREATE TABLE watermarks (
    name TEXT    PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
