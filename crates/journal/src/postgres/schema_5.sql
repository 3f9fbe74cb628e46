-- Version 5: the bytes that each delivery takes. A released file is never edited, see schema_1.sql.

-- The long columns as they are before compression, and 512 bytes for the rest with its indexes. By a trigger, because
-- replicas of the version before write rows too.
ALTER TABLE deliveries ADD COLUMN weight bigint NOT NULL DEFAULT 0;

-- The bytes of the body before compression; 0 for rows of the version before.
ALTER TABLE deliveries ADD COLUMN length bigint NOT NULL DEFAULT 0;

CREATE FUNCTION weigh() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.weight := 512 + NEW.size + octet_length(NEW.headers) + octet_length(NEW.proof)
        + coalesce(octet_length(NEW.launches), 0) + coalesce(octet_length(NEW.decisions), 0)
        + coalesce(octet_length(NEW.facts), 0) + coalesce(octet_length(NEW.fault), 0)
        + coalesce(octet_length(NEW.replay), 0);
    RETURN NEW;
END
$$;

CREATE TRIGGER weigh BEFORE INSERT OR UPDATE OF size, headers, proof, launches, decisions, facts, fault, replay
    ON deliveries FOR EACH ROW EXECUTE FUNCTION weigh();

UPDATE deliveries SET weight = 512 + size + octet_length(headers) + octet_length(proof)
        + coalesce(octet_length(launches), 0) + coalesce(octet_length(decisions), 0)
        + coalesce(octet_length(facts), 0) + coalesce(octet_length(fault), 0)
        + coalesce(octet_length(replay), 0);

-- What each tenant has stored is the sum of this index. Keys are left out: retention bounds the number of the others.
CREATE INDEX account ON deliveries (tenant) INCLUDE (weight) WHERE tier < 2;

-- The oldest settled deliveries of a tenant, which make room for its new ones.
CREATE INDEX retention_of_tenant ON deliveries (tenant, tier, settled_at, seq) WHERE settled_at IS NOT NULL;
