-- Version 7: which attempts have started nothing. A released file is never edited, see schema_1.sql.

-- The last attempt up to which every attempt was recorded and had started nothing. A later attempt may have started a run
-- and ended before it recorded that. Rows of the version before have 0: their first attempt counts if it settled them.
ALTER TABLE deliveries ADD COLUMN idle_attempts integer NOT NULL DEFAULT 0;
