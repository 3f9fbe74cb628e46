-- Version 1. A released file is never edited: a change is another file and another step in schema.rs.
-- Replicas of the version before go on working while the first of a new one brings the schema up to date,
-- so a step may add, but must not take away what the version before uses.

-- Says whose schema this is, and in which version.
CREATE TABLE installed (
    program text    NOT NULL,
    version integer NOT NULL
);
INSERT INTO installed VALUES ('shipwright-trigger', 0);

-- The one clock of all replicas, in nanoseconds since 1970.
CREATE FUNCTION clock() RETURNS bigint LANGUAGE sql VOLATILE
    AS 'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000';

-- One row per delivery: what it is, where it stands, and what came of it.
-- Moments are nanoseconds since 1970. JSON columns hold {"v": format version, "data": ...} as text.
-- What is sorted or looked up has the collation "C", which no update of the system's locales changes.
CREATE TABLE deliveries (
    seq         bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          text     COLLATE "C" NOT NULL UNIQUE,
    state       text     COLLATE "C" NOT NULL CHECK (state IN ('pending', 'claimed', 'settled', 'failed')),
    -- Whose delivery it is; the queue is shared out between tenants.
    tenant      text     COLLATE "C" NOT NULL,
    -- From when on it can be claimed: when the next attempt is due, or when the lease of this one ends. By
    -- the clock of the database.
    ready_at    bigint,
    -- When the next attempt was asked for, by the clock of who asked: for people to see.
    due         bigint,
    attempts    integer  NOT NULL DEFAULT 0,
    received_at bigint   NOT NULL,
    settled_at  bigint,
    -- How much is left of it: 0 everything, 1 no body, 2 no more than its key.
    tier        smallint NOT NULL DEFAULT 0,
    -- The bytes of its body, as stored.
    size        bigint   NOT NULL DEFAULT 0,
    event       text     COLLATE "C" NOT NULL,
    repository  text     COLLATE "C",
    source      text     NOT NULL,
    path        text     NOT NULL,
    provider_id text,
    fault       text,
    headers     text     NOT NULL,
    proof       text     NOT NULL,
    -- If it replays another: which, and who asked for it, as JSON.
    replay_of   text     COLLATE "C",
    replay      text,
    launches    text,
    decisions   text,
    CHECK ((ready_at IS NULL) = (state IN ('settled', 'failed'))),
    CHECK ((settled_at IS NULL) = (state IN ('pending', 'claimed')))
) WITH (
    -- A row changes twice in its life, and what it was stands in the way of claims until it is swept up.
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.1,
    autovacuum_analyze_scale_factor = 0.02
);

-- The queue. Its size is that of the backlog, not of the history.
CREATE INDEX queue ON deliveries (tenant, ready_at, seq) WHERE ready_at IS NOT NULL;

CREATE INDEX history ON deliveries (received_at, seq) WHERE tier < 2;
CREATE INDEX history_of_repository ON deliveries (repository, received_at, seq)
    WHERE tier < 2 AND repository IS NOT NULL;
-- What failed is what people look for, and there is little of it.
CREATE INDEX history_of_failures ON deliveries (received_at, seq) WHERE tier < 2 AND state = 'failed';

-- What retention looks for. Of what is left whole it also adds up the sizes.
CREATE INDEX retention ON deliveries (tier, settled_at, seq, size) WHERE settled_at IS NOT NULL;

CREATE INDEX replays ON deliveries (replay_of, seq) WHERE replay_of IS NOT NULL;

-- Apart from the deliveries, so that they can be dropped earlier, and so that a row that changes does not
-- take its body along. `encoding` names what was done to the bytes: 'identity' is nothing.
CREATE TABLE bodies (
    delivery bigint PRIMARY KEY REFERENCES deliveries (seq) ON DELETE CASCADE,
    encoding text   NOT NULL,
    bytes    bytea  NOT NULL
);
-- They are compressed already.
ALTER TABLE bodies ALTER bytes SET STORAGE EXTERNAL;

-- The requests that were refused: a ring, the oldest make room for the newest.
CREATE TABLE refusals (
    seq  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    data text NOT NULL
);

-- One row that is written to see whether anything can be written.
CREATE TABLE heartbeat (
    id integer PRIMARY KEY CHECK (id = 1),
    at bigint NOT NULL
);
INSERT INTO heartbeat VALUES (1, 0);
