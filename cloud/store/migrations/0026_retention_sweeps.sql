-- The newest batch there was when nothing was left to drop before `at`; null: something may be left. To look for it in every
-- chunk that is kept for others is long, and only needed when `at` has moved or a late batch has come.
alter table retained_from add column swept_through bigint;
