-- The hashes of tokens are beside the log, like the values of variables and connections.

ALTER TABLE secret DROP CONSTRAINT secret_kind_check;
ALTER TABLE secret ADD CONSTRAINT secret_kind_check
    CHECK (kind IN ('variable', 'connection', 'token'));
