-- Version 2: tenants, replays, retention, refusals. A released file is never edited, see schema_1.sql.

-- Whose delivery it is; the queue is shared out between tenants.
ALTER TABLE deliveries ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
-- How much is left of it: 0 everything, 1 no body, 2 no more than its key.
ALTER TABLE deliveries ADD COLUMN tier INTEGER NOT NULL DEFAULT 0;
-- The bytes of its body, as stored.
ALTER TABLE deliveries ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
-- If it replays another: which, and who asked for it, as JSON.
ALTER TABLE deliveries ADD COLUMN replay_of TEXT;
ALTER TABLE deliveries ADD COLUMN replay TEXT;

UPDATE deliveries SET size = (SELECT length(bytes) FROM bodies WHERE delivery = seq)
    WHERE EXISTS (SELECT 1 FROM bodies WHERE delivery = seq);

-- The queue, and all that `stats` needs of it. Its size is that of the backlog, not of the history.
DROP INDEX queue;
CREATE INDEX queue ON deliveries (tenant, ready_at, seq, state, received_at) WHERE ready_at IS NOT NULL;

-- What retention looks for. Of what is left whole it also adds up the sizes.
CREATE INDEX retention ON deliveries (tier, settled_at, size) WHERE settled_at IS NOT NULL;

CREATE INDEX replays ON deliveries (replay_of) WHERE replay_of IS NOT NULL;

-- The requests that were refused: a ring, the oldest make room for the newest.
CREATE TABLE refusals (
    seq  INTEGER PRIMARY KEY,
    data TEXT NOT NULL
) STRICT;

-- One row that is written to see whether anything can be written.
CREATE TABLE heartbeat (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT;
INSERT INTO heartbeat VALUES (1, 0);
