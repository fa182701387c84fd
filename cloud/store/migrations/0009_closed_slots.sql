-- Slots that are not looked at any more before their maximum lag, and slots that wait to be sent: both are asked for in each round.
create index slots_closed on slots (due_at) where state = 'no_data' and next_check_at is null;
create index slots_waiting on slots (next_attempt_at) where state = 'ready';
