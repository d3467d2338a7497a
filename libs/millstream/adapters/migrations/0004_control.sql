-- A run that was over and was reopened is open again: the last of its ends and reopenings counts.

CREATE INDEX event_log_run_reopened ON event_log (namespace, dag_id, run_id, position)
    WHERE type = 'RunReopened';
