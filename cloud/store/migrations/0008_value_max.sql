-- VALUE_MAX of protocol/reading.ts: no instrument gives a value beyond it, and sums of squares of such values overflow.
alter table readings add constraint value_within_bounds check (abs(value) <= 1e39) not valid;
