// Texts of the overview, in English.

import type { Messages } from '../es.ts'
import { plural } from '../plural.ts'

/** Texts of `overview`. */
export const overview: Messages['overview'] = {
  title: 'Overview',
  count: count => plural(count, 'point', 'points'),
  all: 'All',
  filter: 'Search by name, client or work',
  map: 'Map of points',
  mapHint: 'Drag to move, wheel or buttons to zoom.',
  zoomIn: 'Zoom in',
  zoomOut: 'Zoom out',
  fit: 'Show all',
  noPlace: count => `${plural(count, 'point', 'points')} without coordinates`,
  cluster: count => `${count} points together: zoom in`,
  table: 'Points and their newest values',
  point: 'Point',
  status: 'State',
  level: 'Water table',
  total: 'Totalizer',
  flow: 'Flow',
  dga: 'DGA 24 h',
  age: 'Last reading',
  more: 'Show more',
  none: 'No point matches',
  noneHint: 'Change the search or the chosen state.',
  clear: 'Clear filters',
  empty: 'There are no points yet',
  emptyHint:
    'An administrator makes them with smarthydro-cloud provision, or they appear with the first readings of their gateway.',
  dgaOk: 'Nothing pending',
  dgaSent: count => `${count} declared`,
  dgaReview: count => `${count} to review`,
  dgaNoData: count => `${count} without data`,
  dgaWaiting: count => `${count} waiting`,
  dgaNone: 'Not declared',
}
