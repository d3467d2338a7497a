-- A trigger FOR EACH STATEMENT on event_log does not fire for a statement that names a partition,
-- so each partition has one of its own.

CREATE OR REPLACE FUNCTION event_log_ensure_partition(wanted bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    slot bigint := wanted / 10000000;
    name text := format('event_log_p%s', slot);
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format(
        'CREATE TABLE %I PARTITION OF event_log FOR VALUES FROM (%s) TO (%s)',
        name, slot * 10000000, (slot + 1) * 10000000);
    EXECUTE format(
        'CREATE TRIGGER event_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
        'FOR EACH STATEMENT EXECUTE FUNCTION event_log_is_append_only()', name);
END $$;

DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'event_log'::regclass LOOP
        EXECUTE format(
            'CREATE TRIGGER event_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s '
            'FOR EACH STATEMENT EXECUTE FUNCTION event_log_is_append_only()', partition);
    END LOOP;
END $$;
