-- Version 4: memos, small texts that are replaced whole. A released file is never edited, see schema_1.sql.

CREATE TABLE memos (
    name     TEXT    PRIMARY KEY,
    revision INTEGER NOT NULL,
    text     TEXT    NOT NULL
) STRICT;
