-- What people ask the log for. None of these takes in what a task that just runs leaves behind.

-- Who asked for it, by the principal's name (api/<instance>/<principal>).
CREATE INDEX event_log_principal ON event_log (split_part(actor, '/', 3), position)
    WHERE starts_with(actor, 'api/') AND split_part(actor, '/', 3) <> '';

-- Events of a type, but of those that every task has: of these there are too many to be looked for.
CREATE INDEX event_log_type ON event_log (type, position)
    WHERE type NOT IN ('TaskScheduled', 'TaskReady', 'TaskStarted', 'TaskSucceeded');

-- How DAGs and runs stood at a position.
CREATE INDEX event_log_of_runs ON event_log (namespace, dag_id, run_id, position) INCLUDE (type)
    WHERE task_id = '';
