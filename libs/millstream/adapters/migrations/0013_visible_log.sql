-- The log as a caller sees it who may see some DAGs of a namespace only: in a schema that stands
-- before this one on the search path of such a connection (adapters/visibility.py).

CREATE SCHEMA millstream_visible;
CREATE VIEW millstream_visible.event_log AS
    SELECT * FROM event_log
    WHERE namespace = current_setting('millstream.visible_namespace')
      AND dag_id = ANY (string_to_array(current_setting('millstream.visible_dags'), ','));
