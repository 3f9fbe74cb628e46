-- Version 5: the facts that were gathered to decide a delivery. A released file is never edited, see schema_1.sql.

ALTER TABLE deliveries ADD COLUMN facts TEXT;
