-- What is asked about runs that are over, and about the plans of DAGs.

-- No two runs of a DAG have the same logical date.
CREATE INDEX event_log_logical_date ON event_log (dag_id, (data->>'logical_date'))
    WHERE type = 'RunCreated';

-- Of the plans of a DAG only the latest is of use.
CREATE INDEX event_log_plan ON event_log (namespace, dag_id, position)
    WHERE type = 'NextRunPlanned';
