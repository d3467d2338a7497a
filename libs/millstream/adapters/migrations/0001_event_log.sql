-- The write side: one row a shard, which is the fence, and the event log, which is the truth.

CREATE TABLE shard (
    shard         integer PRIMARY KEY,
    epoch         bigint  NOT NULL,
    last_position bigint  NOT NULL,
    digest        bytea   NOT NULL CHECK (length(digest) = 32)
);

-- `data` is json and not jsonb: the digest is over these very bytes (docs/adr/0004).
CREATE TABLE event_log (
    shard       integer     NOT NULL,
    position    bigint      NOT NULL,
    epoch       bigint      NOT NULL,
    type        text        NOT NULL,
    namespace   text        NOT NULL,
    dag_id      text        NOT NULL,
    run_id      text        NOT NULL,
    task_id     text        NOT NULL,
    map_index   integer[]   NOT NULL,
    attempt     integer     NOT NULL,
    actor       text        NOT NULL,
    causation   text        NOT NULL,
    trace       text        NOT NULL,
    recorded_at timestamptz NOT NULL,
    data        json        NOT NULL,
    digest      bytea       NOT NULL,
    PRIMARY KEY (shard, position)
) PARTITION BY RANGE (position);

CREATE INDEX event_log_run ON event_log (run_id, position) WHERE run_id <> '';

-- A client's request id is known for ever through the first event that it caused.
CREATE INDEX event_log_request ON event_log (causation)
    WHERE type IN ('DagVersionSubmitted', 'RunCreated');

-- What a scheduler skips when it starts: the runs that are over.
CREATE INDEX event_log_run_end ON event_log (namespace, dag_id, run_id)
    WHERE type IN ('RunSucceeded', 'RunFailed', 'RunQuarantined');

CREATE FUNCTION event_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'event_log is append only: % is refused', TG_OP;
END $$;

CREATE TRIGGER event_log_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON event_log
    FOR EACH STATEMENT EXECUTE FUNCTION event_log_is_append_only();

-- Partitions of ten million positions, so that retention drops tables and deletes no rows.
CREATE FUNCTION event_log_ensure_partition(wanted bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    slot bigint := wanted / 10000000;
BEGIN
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS event_log_p%s PARTITION OF event_log FOR VALUES FROM (%s) TO (%s)',
        slot, slot * 10000000, (slot + 1) * 10000000);
END $$;

-- Commands and reports that were refused: the log holds facts only.
CREATE TABLE refused_command (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    command_id text        NOT NULL,
    actor      text        NOT NULL,
    type       text        NOT NULL,
    reason     text        NOT NULL,
    message    text        NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX refused_command_at ON refused_command (refused_at);
