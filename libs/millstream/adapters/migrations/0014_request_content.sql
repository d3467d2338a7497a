-- What a client's request said, as a digest: the same id with something else in it is another request,
-- and is refused. The ids themselves are in the log, with the events that they caused.

CREATE TABLE request_content (
    shard   integer NOT NULL,
    id      text    NOT NULL,
    content text    NOT NULL,
    PRIMARY KEY (shard, id)
);
