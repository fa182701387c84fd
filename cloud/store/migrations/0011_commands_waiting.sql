-- The commands that wait for a gateway are found among all that it was ever given.
create index commands_waiting on commands (gateway_id, ((document->>'expiresAt')::float8)) where result is null;
