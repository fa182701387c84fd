// Texts of the frame around every page, in English.

import type { Messages } from '../es.ts'
import { plural } from '../plural.ts'

/** Texts of `app`. */
export const app: Messages['app'] = {
  tagline: 'Water telemetry',
  skip: 'Skip to content',
  nav: 'Sections',
  overview: 'Overview',
  gateways: 'Gateways',
  account: 'My account',
  signOut: 'Sign out',
  language: 'Language',
  theme: 'Appearance',
  themes: { system: 'As the device', light: 'Light', dark: 'Dark' },
  live: 'Live',
  search: 'Search',
  searchHint: 'Find a point or page',
  searchNone: 'Nothing of that name',
  points: 'Points',
  pages: 'Pages',
  notFound: 'There is no such page',
  notFoundHint: 'The address may be misspelt, or the page is gone.',
  home: 'Back to the overview',
  more: 'More',
  groups: { watch: 'Watch', comply: 'Declare', run: 'Operate', manage: 'Administer' },
}

/** Texts of `failure`. */
export const failure: Messages['failure'] = {
  title: 'This could not be shown',
  unreachable: 'The server does not answer. It is asked again by itself.',
  forbidden: 'Your user may not see this.',
  notFound: 'It does not exist, or your user may not see it.',
  ours: 'It failed on our side.',
  tooMany: 'Too many requests. Wait a moment.',
  retry: 'Try again',
  reference: id => `Reference ${id}`,
  stale: 'No connection: this is the last that came.',
}

/** Texts of `age`. */
export const age: Messages['age'] = {
  never: 'never',
  now: 'now',
  seconds: n => `${n} s ago`,
  minutes: n => `${n} min ago`,
  hours: n => `${n} h ago`,
  days: n => `${plural(n, 'day', 'days')} ago`,
}
