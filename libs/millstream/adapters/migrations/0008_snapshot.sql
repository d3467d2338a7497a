-- Which events a starting scheduler has to fold, up to a position: a cache, and no truth. `rule`
-- says what was looked for, `digest` is that of the event at the position: another rule, or another
-- log, and the row is ignored.

CREATE TABLE snapshot (
    shard    integer PRIMARY KEY,
    position bigint   NOT NULL,
    digest   bytea    NOT NULL,
    rule     text     NOT NULL,
    kept     bigint[] NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT now()
);
