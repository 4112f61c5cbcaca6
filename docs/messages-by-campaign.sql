-- Keeps the ledger by campaigns: see "Growing" in operations.md. Run it with the processes stopped:
--   psql -v ON_ERROR_STOP=1 --single-transaction -f docs/messages-by-campaign.sql "$DATABASE_URL"
-- What is there becomes the first part; of it only messages without a campaign are copied. A part
-- for the next campaigns, before their ids are reached:
--   CREATE TABLE messages_2000 PARTITION OF messages FOR VALUES FROM (2000) TO (3000);

-- A part knows its own ids only, so a foreign key cannot ask for one. Deleting a message takes the
-- same along as before, by a trigger.
ALTER TABLE events DROP CONSTRAINT fk_events_message_id_messages;
ALTER TABLE inbound_messages DROP CONSTRAINT fk_inbound_messages_message_id_messages;

ALTER TABLE messages RENAME TO messages_begin;
ALTER SEQUENCE messages_id_seq OWNED BY NONE;
ALTER TABLE messages_begin DROP CONSTRAINT pk_messages;
CREATE TABLE messages (LIKE messages_begin INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
    PARTITION BY RANGE (campaign_id);
ALTER SEQUENCE messages_id_seq OWNED BY messages.id;

-- The same keys and indexes; ids are of one sequence, and looked up by an index.
CREATE INDEX ix_messages_id ON messages (id);
DO $$
DECLARE old record;
BEGIN
  FOR old IN
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition,
      indisunique AND conname IS NOT NULL AS is_key, pg_get_constraintdef(c.oid) AS key
    FROM pg_index LEFT JOIN pg_constraint c ON c.conindid = indexrelid
    WHERE indrelid = 'messages_begin'::regclass
  LOOP
    EXECUTE format('ALTER INDEX %s RENAME TO %s_begin', old.name, old.name);
    IF old.is_key THEN
      EXECUTE format('ALTER TABLE messages ADD CONSTRAINT %s %s', old.name, old.key);
    ELSE
      EXECUTE replace(old.definition, ' ON public.messages_begin ', ' ON public.messages ');
    END IF;
  END LOOP;
END $$;

-- The triggers that hold what messages refer to belong to the whole from now on.
DO $$
DECLARE old record;
BEGIN
  FOR old IN
    SELECT tgname AS name, pg_get_triggerdef(oid) AS definition FROM pg_trigger
    WHERE tgrelid = 'messages_begin'::regclass AND NOT tgisinternal
  LOOP
    EXECUTE format('DROP TRIGGER %I ON messages_begin', old.name);
    EXECUTE replace(old.definition, ' ON public.messages_begin ', ' ON public.messages ');
  END LOOP;
END $$;

-- Copies to colleagues and probes belong to no campaign.
CREATE TABLE messages_default PARTITION OF messages DEFAULT;
INSERT INTO messages SELECT * FROM messages_begin WHERE campaign_id IS NULL;
DELETE FROM messages_begin WHERE campaign_id IS NULL;
DO $$
DECLARE next bigint := (SELECT (coalesce(max(id), 0) / 1000 + 1) * 1000 FROM campaigns);
BEGIN
  EXECUTE format('ALTER TABLE messages ATTACH PARTITION messages_begin
    FOR VALUES FROM (MINVALUE) TO (%s)', next);
  EXECUTE format('CREATE TABLE messages_%s PARTITION OF messages FOR VALUES FROM (%s) TO (%s)',
    next, next, next + 1000);
END $$;

CREATE FUNCTION take_along_what_tells_of_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM events WHERE message_id IN (SELECT id FROM gone);
  UPDATE inbound_messages SET message_id = NULL WHERE message_id IN (SELECT id FROM gone);
  RETURN NULL;
END $$;
CREATE TRIGGER take_along AFTER DELETE ON messages REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION take_along_what_tells_of_messages();
