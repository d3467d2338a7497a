-- The read side: what the projector folds the log into. Everything here can be dropped and rebuilt.
-- The tables are created in a schema of their own, which the connection's search_path names.

CREATE TABLE checkpoint (
    shard      integer PRIMARY KEY,
    position   bigint NOT NULL,
    digest     bytea  NOT NULL,
    generation bigint NOT NULL
);

CREATE TABLE dag (
    namespace      text        NOT NULL,
    dag_id         text        NOT NULL,
    latest_version integer     NOT NULL,
    submitted_at   timestamptz NOT NULL,
    is_paused      boolean     NOT NULL,
    pause_reason   text        NOT NULL,
    -- The run that the schedule makes next.
    next_logical_date   timestamptz,
    next_interval_start timestamptz,
    next_interval_end   timestamptz,
    next_run_after      timestamptz,
    -- Of the latest version, for lists: the spec itself may be large.
    display_name   text        NOT NULL,
    description    text        NOT NULL,
    tags           json        NOT NULL,
    owners         json        NOT NULL,
    schedule       text        NOT NULL,
    file           text        NOT NULL,
    PRIMARY KEY (namespace, dag_id)
);

CREATE TABLE dag_version (
    namespace    text        NOT NULL,
    dag_id       text        NOT NULL,
    version      integer     NOT NULL,
    spec         json        NOT NULL,
    bundle       text        NOT NULL,
    submitted_at timestamptz NOT NULL,
    submitted_by text        NOT NULL,
    position     bigint      NOT NULL,
    PRIMARY KEY (namespace, dag_id, version)
);

CREATE TABLE dag_run (
    namespace           text        NOT NULL,
    dag_id              text        NOT NULL,
    run_id              text        NOT NULL,
    version             integer     NOT NULL,
    state               text        NOT NULL,
    run_type            text        NOT NULL,
    triggered_by        text        NOT NULL,
    conf                json        NOT NULL,
    logical_date        timestamptz,
    data_interval_start timestamptz,
    data_interval_end   timestamptz,
    run_after           timestamptz NOT NULL,
    created_at          timestamptz NOT NULL,
    started_at          timestamptz,
    ended_at            timestamptz,
    note                text        NOT NULL,
    reason              text        NOT NULL,
    asset_events        json        NOT NULL,
    backfill_id         text        NOT NULL,
    rerun_of            text        NOT NULL,
    rerun_position      bigint      NOT NULL,
    rerun_start         text        NOT NULL,
    created_position    bigint      NOT NULL,
    position            bigint      NOT NULL,
    PRIMARY KEY (namespace, dag_id, run_id)
);
CREATE INDEX dag_run_reruns ON dag_run (namespace, dag_id, rerun_of, created_position) WHERE rerun_of <> '';
-- The newest first: of the namespace, of those in a state, of a DAG.
CREATE INDEX dag_run_newest ON dag_run (namespace, created_at DESC, created_position DESC);
CREATE INDEX dag_run_state ON dag_run (namespace, state, created_at DESC, created_position DESC);
CREATE INDEX dag_run_of_dag ON dag_run (namespace, dag_id, created_at DESC, created_position DESC);
CREATE INDEX dag_run_id ON dag_run (namespace, run_id);
CREATE INDEX dag_run_date ON dag_run (namespace, dag_id, (coalesce(logical_date, run_after)) DESC, created_position DESC);
CREATE INDEX dag_run_failed ON dag_run (namespace, ended_at DESC) WHERE state = 'failed';
CREATE INDEX dag_run_open ON dag_run (namespace, dag_id, run_id) WHERE state IN ('queued', 'running');

-- A row from the first event of a task on; a task without a row has the state "none".
CREATE TABLE task_instance (
    namespace  text      NOT NULL,
    dag_id     text      NOT NULL,
    run_id     text      NOT NULL,
    task_id    text      NOT NULL,
    map_index  integer[] NOT NULL,
    state      text      NOT NULL,
    attempt    integer   NOT NULL,
    queue      text      NOT NULL,
    worker     text      NOT NULL,
    queued_at  timestamptz,
    started_at timestamptz,
    ended_at   timestamptz,
    retry_at   timestamptz,
    reason     text      NOT NULL,
    traceback  text      NOT NULL,
    map_name   text      NOT NULL,
    position   bigint    NOT NULL,
    pool       text      NOT NULL,
    pool_slots integer   NOT NULL,
    taken_from text      NOT NULL,
    PRIMARY KEY (namespace, dag_id, run_id, task_id, map_index)
);

CREATE TABLE task_attempt (
    namespace  text      NOT NULL,
    dag_id     text      NOT NULL,
    run_id     text      NOT NULL,
    task_id    text      NOT NULL,
    map_index  integer[] NOT NULL,
    attempt    integer   NOT NULL,
    state      text      NOT NULL,
    queue      text      NOT NULL,
    worker     text      NOT NULL,
    queued_at  timestamptz,
    started_at timestamptz,
    ended_at   timestamptz,
    reason     text      NOT NULL,
    traceback  text      NOT NULL,
    position   bigint    NOT NULL,
    PRIMARY KEY (namespace, dag_id, run_id, task_id, map_index, attempt)
);

-- What the template fields of an attempt became: a JSON object of texts.
CREATE TABLE rendered_fields (
    namespace text      NOT NULL,
    dag_id    text      NOT NULL,
    run_id    text      NOT NULL,
    task_id   text      NOT NULL,
    map_index integer[] NOT NULL,
    attempt   integer   NOT NULL,
    fields    json      NOT NULL,
    position  bigint    NOT NULL,
    PRIMARY KEY (namespace, dag_id, run_id, task_id, map_index, attempt)
);

-- `value` is the JSON text; empty with `blob` set, which is the key of the bytes in the blob store.
-- `codec` is empty where the JSON text is the value itself.
CREATE TABLE xcom (
    namespace text      NOT NULL,
    dag_id    text      NOT NULL,
    run_id    text      NOT NULL,
    task_id   text      NOT NULL,
    map_index integer[] NOT NULL,
    key       text      NOT NULL,
    value     json,
    blob      text      NOT NULL,
    size      bigint    NOT NULL,
    codec     text      NOT NULL,
    attempt   integer   NOT NULL,
    position  bigint    NOT NULL,
    PRIMARY KEY (namespace, dag_id, run_id, task_id, map_index, key)
);

-- What callbacks are called: work of its own, which may go on when the run is over.
CREATE TABLE callback (
    namespace   text        NOT NULL,
    dag_id      text        NOT NULL,
    run_id      text        NOT NULL,
    callback_id text        NOT NULL,
    map_index   integer[]   NOT NULL,
    task_id     text        NOT NULL,
    state       text        NOT NULL,
    attempt     integer     NOT NULL,
    queue       text        NOT NULL,
    worker      text        NOT NULL,
    queued_at   timestamptz,
    started_at  timestamptz,
    ended_at    timestamptz,
    reason      text        NOT NULL,
    traceback   text        NOT NULL,
    position    bigint      NOT NULL,
    PRIMARY KEY (namespace, dag_id, run_id, callback_id, map_index)
);
CREATE INDEX callback_open ON callback (namespace) WHERE ended_at IS NULL;

-- Of runs that go on: so many task instances are in a queue and a state. Small, and often written.
CREATE TABLE open_tasks (
    namespace text   NOT NULL,
    dag_id    text   NOT NULL,
    queue     text   NOT NULL,
    state     text   NOT NULL,
    number    bigint NOT NULL,
    PRIMARY KEY (namespace, dag_id, queue, state)
) WITH (fillfactor = 50);

CREATE TABLE missed_deadline (
    namespace text        NOT NULL,
    dag_id    text        NOT NULL,
    run_id    text        NOT NULL,
    name      text        NOT NULL,
    due_at    timestamptz NOT NULL,
    missed_at timestamptz NOT NULL,
    position  bigint      NOT NULL,
    PRIMARY KEY (namespace, dag_id, run_id, name)
);
CREATE INDEX missed_deadline_newest ON missed_deadline (namespace, missed_at DESC);

-- What tasks ask people: the texts of an InputRequest and of an Answer as JSON.
CREATE TABLE human_input (
    namespace      text        NOT NULL,
    dag_id         text        NOT NULL,
    run_id         text        NOT NULL,
    task_id        text        NOT NULL,
    map_index      integer[]   NOT NULL,
    attempt        integer     NOT NULL,
    state          text        NOT NULL,
    request        json        NOT NULL,
    asked_at       timestamptz NOT NULL,
    timeout_at     timestamptz,
    ended_at       timestamptz,
    answer         json,
    asked_position bigint      NOT NULL,
    position       bigint      NOT NULL,
    PRIMARY KEY (namespace, dag_id, run_id, task_id, map_index, attempt)
);
CREATE INDEX human_input_newest ON human_input (namespace, asked_position DESC);
CREATE INDEX human_input_waiting ON human_input (namespace, asked_position DESC) WHERE state = 'waiting';
CREATE INDEX human_input_of_dag ON human_input (namespace, dag_id, asked_position DESC);
CREATE TABLE asset (
    namespace   text   NOT NULL,
    name        text   NOT NULL,
    uri         text   NOT NULL,
    asset_group text   NOT NULL,
    position    bigint NOT NULL,
    PRIMARY KEY (namespace, name)
);

-- An update of an asset, at its position of the log; the task is empty for one from outside.
CREATE TABLE asset_event (
    position    bigint      PRIMARY KEY,
    namespace   text        NOT NULL,
    name        text        NOT NULL,
    uri         text        NOT NULL,
    extra       json        NOT NULL,
    aliases     json        NOT NULL,
    dag_id      text        NOT NULL,
    run_id      text        NOT NULL,
    task_id     text        NOT NULL,
    map_index   integer[]   NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX asset_event_of ON asset_event (namespace, name, position);
CREATE INDEX asset_event_newest ON asset_event (namespace, position);
CREATE INDEX asset_event_by ON asset_event (namespace, dag_id, run_id, position) WHERE run_id <> '';

-- Names and versions; the values are encrypted and elsewhere.
CREATE TABLE variable (
    namespace   text        NOT NULL,
    key         text        NOT NULL,
    version     bigint      NOT NULL,
    description text        NOT NULL,
    updated_at  timestamptz NOT NULL,
    position    bigint      NOT NULL,
    PRIMARY KEY (namespace, key)
);

CREATE TABLE connection (
    namespace   text        NOT NULL,
    conn_id     text        NOT NULL,
    version     bigint      NOT NULL,
    description text        NOT NULL,
    updated_at  timestamptz NOT NULL,
    position    bigint      NOT NULL,
    PRIMARY KEY (namespace, conn_id)
);

-- The default pool has a row only if somebody changed it.
CREATE TABLE pool (
    namespace        text        NOT NULL,
    name             text        NOT NULL,
    slots            integer     NOT NULL,
    include_deferred boolean     NOT NULL,
    description      text        NOT NULL,
    changed_at       timestamptz NOT NULL,
    position         bigint      NOT NULL,
    PRIMARY KEY (namespace, name)
);

CREATE TABLE backfill (
    namespace          text        NOT NULL,
    dag_id             text        NOT NULL,
    backfill_id        text        NOT NULL,
    from_date          timestamptz NOT NULL,
    to_date            timestamptz NOT NULL,
    reprocess_behavior text        NOT NULL,
    run_backwards      boolean     NOT NULL,
    max_active_runs    integer     NOT NULL,
    conf               json        NOT NULL,
    state              text        NOT NULL,
    total              integer     NOT NULL,
    number             integer     NOT NULL,
    skipped            integer     NOT NULL,
    created_at         timestamptz NOT NULL,
    ended_at           timestamptz,
    created_position   bigint      NOT NULL,
    position           bigint      NOT NULL,
    PRIMARY KEY (namespace, dag_id, backfill_id)
);
CREATE INDEX backfill_newest ON backfill (namespace, created_position DESC);
CREATE INDEX backfill_of_dag ON backfill (namespace, dag_id, created_position DESC);

-- Who there is and who may what; no hash is here.
CREATE TABLE app_user (
    name       text        NOT NULL,
    created_at timestamptz NOT NULL,
    position   bigint      NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE role_binding (
    subject    text        NOT NULL,
    role       text        NOT NULL,
    namespace  text        NOT NULL,
    dag_id     text        NOT NULL,
    granted_at timestamptz NOT NULL,
    granted_by text        NOT NULL,
    position   bigint      NOT NULL,
    PRIMARY KEY (subject, role, namespace, dag_id)
);

-- `scopes` with commas between them; empty: all that the user may.
CREATE TABLE api_token (
    token_id   text        NOT NULL,
    user_name  text        NOT NULL,
    label      text        NOT NULL,
    scopes     text        NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text        NOT NULL,
    expires_at timestamptz,
    position   bigint      NOT NULL,
    PRIMARY KEY (token_id)
);
CREATE INDEX api_token_of ON api_token (user_name, token_id);
