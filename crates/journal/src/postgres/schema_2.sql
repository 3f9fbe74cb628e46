-- Version 2: how far what happens on a cluster has been followed. A released file is never edited, see
-- schema_1.sql.

CREATE TABLE watermarks (
    name text   COLLATE "C" PRIMARY KEY,
    at   bigint NOT NULL
);
