// Texts of balances and analyses, in English.

import type { Messages } from '../es.ts'
import { plural } from '../plural.ts'

/** Texts of `analysis`. */
export const analysis: Messages['analysis'] = {
  tab: 'Analysis',
  use: 'Use of the right',
  yearHint: year => `Year ${year}`,
  together: points => `Of ${plural(points, 'point', 'points')} of the same work, together.`,
  taken: 'Taken this year',
  granted: 'Granted for a year',
  flowRight: 'Flow granted',
  maxFlow: 'Greatest flow',
  daysAbove: 'Days above the flow',
  noRight: 'No right is recorded',
  noRightHint: 'The right is recorded with the obligation of the work.',
  percentOf: percent => `${percent} of what is granted`,
  atEnd: 'At the end of the year',
  projection: 'Projection',
  projectionHint: percent => `The interval that holds ${percent} times of 100`,
  month: 'This month',
  year: 'This year',
  known: value => `${value} until yesterday`,
  between: (low, high) => `between ${low} and ${high}`,
  byHistory: days => `By ${plural(days, 'day', 'days')} of history`,
  bySeason: 'with the season of the year before',
  noProjection: 'Not enough history to project',
  noProjectionHint: 'A week of whole days is needed.',
  overGranted: 'It would be more than is granted',
  balances: 'Balance',
  by: 'By',
  bys: { day: 'Day', month: 'Month' },
  noBalances: 'No balance in this period',
  day: 'Day',
  consumed: 'Taken',
  uncertain: 'Of it, without readings',
  coverage: 'Coverage',
  quality: 'Worst quality',
  daysKnown: (known, all) => `${known} of ${all} days known`,
  baseline: 'The usual week',
  baselineHint: 'What is taken in each hour: the median of the last eight weeks.',
  weekdays: ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday and holidays'],
  weekdaysShort: ['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su'],
  cell: (weekday, hour, usual) => `${weekday}, ${hour}:00: ${usual}`,
  unknown: 'not known',
  noBaseline: 'Not enough weeks',
  noBaselineHint: 'The usual week appears after two weeks of readings.',
  anomalies: 'Anomalies',
  noAnomalies: 'No anomaly',
  noAnomaliesHint: 'What leaves the pattern of this point appears here with its reason.',
  kinds: {
    night_flow: 'Flow at night',
    stuck_counter: 'Counter stood still',
    drawdown: 'Unusual drawdown',
    flow_against_volume: 'Flow and volume disagree',
  },
  states: { open: 'Open', closed: 'Over', withdrawn: 'Withdrawn' },
  reasons: {
    night_flow: say =>
      `At least ${say('nightM3h')} m³/h passed in every hour of the night; usual are ${say('usualM3h')}, and up to ${say('boundM3h')} are not remarkable.`,
    stuck_counter: (say, has) =>
      has('sunkHours')
        ? `The counter stood for ${say('sunkHours', 0)} h in which the water sank by up to ${say('sunkM')} m, as when the pump runs; usual are ${say('usualHours', 0)} h.`
        : `The counter stood for ${say('stillHours', 0)} h while ${say('flowedM3')} m³ flowed (${say('meanFlowLps')} L/s).`,
    drawdown: (say, has) =>
      has('mPerLps')
        ? `The water sank by ${say('drawdownM')} m at ${say('runningLps')} L/s, ${say('mPerLps', 3)} m for each; usual are ${say('usualMPerLps', 3)} ± ${say('boundMPerLps', 3)}.`
        : `The water sank by ${say('drawdownM')} m; usual are ${say('usualM')} ± ${say('boundM')}.`,
    flow_against_volume: say =>
      `The counter says ${say('countedM3')} m³ and the flow ${say('flowedM3')} m³ in the same hours: ${say('ratio')} of it, where ${say('usualRatio')} is usual.`,
  },
  days: n => plural(n, 'day', 'days'),
  worst: day => `worst on ${day}`,
  capacity: 'Specific capacity',
  capacityHint: 'Flow for each metre of drawdown, of the last four weeks.',
  spread: value => `± ${value}`,
  trend: 'Trend',
  perYear: percent => `${percent} a year`,
  trendRange: (low, high) => `between ${low} and ${high} (90 % confidence)`,
  noTrend: 'No certain trend',
  noCapacity: 'No days of pumping with a level',
  noCapacityHint: 'Flow and level are needed of days in which the pump starts and rests.',
  drawdown: 'Drawdown',
  flow: 'Flow',
  showTable: 'See as a table',
  hideTable: 'See as a chart',
}

/** Texts of `balances`. */
export const balances: Messages['balances'] = {
  title: 'Balances',
  lead: 'What was taken by project and by point.',
  project: 'Project',
  none: 'No points',
  noneHint: 'Balances appear with the first points.',
  total: 'Total of the period',
  points: 'Points',
  point: 'Point',
  days: 'Days known',
  share: 'Share',
  known: (known, all) => `${known} of ${all}`,
}
