-- Version 6: accounts, the bytes that each tenant has stored. A released file is never edited, see schema_1.sql.

-- The sums of what the triggers below count. A row takes 512 bytes beside its long columns, with its indexes.
CREATE TABLE accounts (
    tenant TEXT    PRIMARY KEY,
    bytes  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO accounts SELECT d.tenant, sum(512 + d.size + octet_length(d.headers) + octet_length(d.proof)
        + coalesce(octet_length(d.launches), 0) + coalesce(octet_length(d.decisions), 0)
        + coalesce(octet_length(d.facts), 0) + coalesce(octet_length(d.fault), 0)
        + coalesce(octet_length(d.replay), 0))
    FROM deliveries d GROUP BY d.tenant;

CREATE TRIGGER account_insert AFTER INSERT ON deliveries BEGIN
    INSERT INTO accounts VALUES (NEW.tenant,
        512 + NEW.size + octet_length(NEW.headers) + octet_length(NEW.proof)
        + coalesce(octet_length(NEW.launches), 0) + coalesce(octet_length(NEW.decisions), 0)
        + coalesce(octet_length(NEW.facts), 0) + coalesce(octet_length(NEW.fault), 0)
        + coalesce(octet_length(NEW.replay), 0))
    ON CONFLICT (tenant) DO UPDATE SET bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER account_delete AFTER DELETE ON deliveries BEGIN
    UPDATE accounts SET bytes = bytes - (
        512 + OLD.size + octet_length(OLD.headers) + octet_length(OLD.proof)
        + coalesce(octet_length(OLD.launches), 0) + coalesce(octet_length(OLD.decisions), 0)
        + coalesce(octet_length(OLD.facts), 0) + coalesce(octet_length(OLD.fault), 0)
        + coalesce(octet_length(OLD.replay), 0))
    WHERE tenant = OLD.tenant;
END;

CREATE TRIGGER account_update
AFTER UPDATE OF tenant, size, headers, proof, launches, decisions, facts, fault, replay ON deliveries BEGIN
    UPDATE accounts SET bytes = bytes - (
        512 + OLD.size + octet_length(OLD.headers) + octet_length(OLD.proof)
        + coalesce(octet_length(OLD.launches), 0) + coalesce(octet_length(OLD.decisions), 0)
        + coalesce(octet_length(OLD.facts), 0) + coalesce(octet_length(OLD.fault), 0)
        + coalesce(octet_length(OLD.replay), 0))
    WHERE tenant = OLD.tenant;
    INSERT INTO accounts VALUES (NEW.tenant,
        512 + NEW.size + octet_length(NEW.headers) + octet_length(NEW.proof)
        + coalesce(octet_length(NEW.launches), 0) + coalesce(octet_length(NEW.decisions), 0)
        + coalesce(octet_length(NEW.facts), 0) + coalesce(octet_length(NEW.fault), 0)
        + coalesce(octet_length(NEW.replay), 0))
    ON CONFLICT (tenant) DO UPDATE SET bytes = bytes + excluded.bytes;
END;

-- The oldest settled deliveries of a tenant, which make room for its new ones.
CREATE INDEX retention_of_tenant ON deliveries (tenant, tier, settled_at) WHERE settled_at IS NOT NULL;
