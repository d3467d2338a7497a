-- A client's request id is known for ever through the events that it caused, whatever the request
-- was. Of these there are few: what follows from reports of workers is caused by their ids.

CREATE INDEX event_log_api ON event_log (causation) WHERE starts_with(actor, 'api/');
DROP INDEX event_log_request;
