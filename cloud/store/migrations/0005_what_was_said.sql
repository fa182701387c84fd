-- What a batch said, besides its numbers: a gateway whose disk was restored from an older copy uses numbers again, for
-- other readings. `digest` is of the readings; a batch is the same only when it says the same.
alter table batches add column digest bytea not null default '\x';
alter table batches drop constraint batches_gateway_id_epoch_first_last_key;
alter table batches add constraint batches_said_once unique (gateway_id, epoch, first, last, digest);

-- How well the clock was known of what a value was computed from. What was computed before this column was there counts
-- as unsynchronised (2), because nobody wrote it down; computing the range again puts it right.
alter table derived add column time_quality smallint not null default 2;
