-- From when on the raw readings of a point are all there. Written by the retention (cloud/store/retention.ts) alone.
create table retained_from (
  point_id int primary key references points,
  -- Readings of the point before this instant have been dropped, or are being dropped right now: what would be computed
  -- from those that are found there (or from a late one that came after) would be wrong, so what stands in rollups,
  -- derived values and checkpoints before it stays as it is. A point without a row has lost nothing. It only moves
  -- forward, by whole weeks in UTC, so no hour is ever half dropped. It is moved under the point's lock
  -- (lockPoints() of cloud/store/processing.ts) and committed before the first reading goes: who reads it under that
  -- lock may rely on it until their transaction ends.
  at timestamptz not null
);
