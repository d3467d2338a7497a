-- The values of variables and connections, encrypted: what the events that name them do not hold.
-- Only the latest version is kept, so what was deleted is gone.

CREATE TABLE secret (
    shard     integer NOT NULL,
    namespace text    NOT NULL,
    kind      text    NOT NULL CHECK (kind IN ('variable', 'connection')),
    name      text    NOT NULL,
    version   bigint  NOT NULL,
    position  bigint  NOT NULL,
    sealed    text    NOT NULL,
    PRIMARY KEY (shard, namespace, kind, name)
);

-- A request that is about no run is known for ever through the events that it caused.
CREATE INDEX event_log_request_of_no_run ON event_log (causation) WHERE run_id = '';
