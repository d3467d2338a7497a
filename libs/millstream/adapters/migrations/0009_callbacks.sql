-- Callbacks outlive their run: a scheduler that starts looks for those that are not over.

CREATE INDEX event_log_callback ON event_log (namespace, dag_id, run_id, position)
    WHERE type = 'TaskReady' AND strpos(task_id, '@') > 0;
