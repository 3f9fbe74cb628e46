-- Version 6: the bytes that the keys of each tenant take. A released file is never edited, see schema_1.sql.

-- Changes, which the pruner adds up: of one row per tenant that is updated, the replicas would wait for each other.
CREATE TABLE key_accounts (
    tenant text   COLLATE "C" NOT NULL,
    bytes  bigint NOT NULL
);

INSERT INTO key_accounts SELECT tenant, sum(weight)::bigint FROM deliveries WHERE tier = 2 GROUP BY tenant;

-- By a trigger, because replicas of the version before prune too.
CREATE FUNCTION account_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.tier = 2 THEN
        INSERT INTO key_accounts VALUES (OLD.tenant, -OLD.weight);
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.tier = 2 THEN
        INSERT INTO key_accounts VALUES (NEW.tenant, NEW.weight);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER account_keys_made AFTER UPDATE OF tier ON deliveries FOR EACH ROW
    WHEN (OLD.tier = 2 OR NEW.tier = 2) EXECUTE FUNCTION account_keys();
CREATE TRIGGER account_keys_deleted AFTER DELETE ON deliveries FOR EACH ROW
    WHEN (OLD.tier = 2) EXECUTE FUNCTION account_keys();
