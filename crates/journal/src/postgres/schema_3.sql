-- Version 3: memos, small texts that are replaced whole. A released file is never edited, see schema_1.sql.

CREATE TABLE memos (
    name     text   COLLATE "C" PRIMARY KEY,
    revision bigint NOT NULL,
    text     text   NOT NULL
);
