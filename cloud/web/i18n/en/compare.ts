// Texts of comparing series, in English.

import type { Messages } from '../es.ts'

/** Texts of `compare`. */
export const compare: Messages['compare'] = {
  title: 'Compare',
  compare: 'Compare',
  lead: 'Series of any point on the same axis of time.',
  series: 'Series',
  point: 'Point',
  variable: 'Variable',
  add: 'Add',
  remove: name => `Take away ${name}`,
  full: n => `Up to ${n} series are shown at once.`,
  none: 'No series chosen',
  noneHint: 'Choose a point and a variable; the address of the page keeps what is chosen.',
}

/** Texts of `readings`. */
export const readings: Messages['readings'] = {
  show: 'See the readings',
  title: variable => `Readings of ${variable}`,
  only: 'Which',
  all: 'All',
  doubtful: 'Without value or doubtful',
  at: 'Time',
  value: 'Value',
  measured: 'Measured',
  quality: 'Quality, and why',
  none: 'No readings in this period',
  noneDoubtful: 'None that is doubtful among those shown',
  time: { synced: 'Time synchronised', unsynced: 'Time not synchronised' },
  flags: {
    out_of_range: 'Out of range',
    too_fast: 'Changed faster than it can',
    stuck: 'Stuck',
    sentinel: 'Code of failure of the instrument',
    clock_ahead: 'Clock ahead',
    clock_unsynced: 'Clock not synchronised',
    cut_off: 'Low flow, counts as zero',
    zero: 'Zero for once',
    truncated: 'Truncated reading',
    dropped: 'Dropped',
    jumped: 'Jumped',
    jitter: 'Jitter at rest',
    gap: 'After a gap',
    reset: 'Began anew',
    rollover: 'Rolled over',
    meter_event: 'After a meter event',
    excess: 'More than can be',
    readmitted: 'Believed again',
  },
}
