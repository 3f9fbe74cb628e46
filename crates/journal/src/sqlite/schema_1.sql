-- Version 1. A released file is never edited: a change is another file and another step in schema.rs.

-- One row per delivery: what it is, where it stands, and what came of it.
-- Moments are nanoseconds since 1970. JSON columns hold {"v": format version, "data": ...}.
-- `headers` and `proof` stand after the columns that searches look at, and the two that grow come last,
-- because SQLite reads a row from its beginning only as far as it must.
CREATE TABLE deliveries (
    seq         INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    state       TEXT    NOT NULL CHECK (state IN ('pending', 'claimed', 'settled', 'failed')),
    -- From when on it can be claimed: when the next attempt is due, or when the lease of this one ends.
    ready_at    INTEGER,
    attempts    INTEGER NOT NULL DEFAULT 0,
    received_at INTEGER NOT NULL,
    settled_at  INTEGER,
    event       TEXT    NOT NULL,
    repository  TEXT,
    source      TEXT    NOT NULL,
    path        TEXT    NOT NULL,
    provider_id TEXT,
    fault       TEXT,
    headers     TEXT    NOT NULL,
    proof       TEXT    NOT NULL,
    launches    TEXT,
    decisions   TEXT,
    CHECK ((ready_at IS NULL) = (state IN ('settled', 'failed'))),
    CHECK ((settled_at IS NULL) = (state IN ('pending', 'claimed')))
) STRICT;

-- The queue, and all that `stats` needs of it. Its size is that of the backlog, not of the history.
CREATE INDEX queue ON deliveries (ready_at, seq, state, received_at) WHERE ready_at IS NOT NULL;

CREATE INDEX history ON deliveries (received_at, seq);
CREATE INDEX history_of_repository ON deliveries (repository, received_at, seq) WHERE repository IS NOT NULL;
-- What failed is what people look for, and there is little of it.
CREATE INDEX history_of_failures ON deliveries (received_at, seq) WHERE state = 'failed';

-- Apart from the deliveries, so that searching the history never reads past them, and so that they can be
-- dropped earlier. `encoding` names what was done to the bytes: 'identity' is nothing.
CREATE TABLE bodies (
    delivery INTEGER PRIMARY KEY REFERENCES deliveries (seq) ON DELETE CASCADE,
    encoding TEXT NOT NULL,
    bytes    BLOB NOT NULL
) STRICT;
