// Every text of the application, in English, by area.

import { account, signIn } from './en/account.ts'
import { admin, keys, users } from './en/admin.ts'
import { alerts } from './en/alerts.ts'
import { analysis, balances } from './en/analysis.ts'
import { age, app, failure } from './en/app.ts'
import { compare, readings } from './en/compare.ts'
import { compliance, slot } from './en/compliance.ts'
import { configuration } from './en/configuration.ts'
import { dga, review } from './en/dga.ts'
import { audit, clients, entities, places, records, stations } from './en/entities.ts'
import { fleet } from './en/fleet.ts'
import { gateways } from './en/gateways.ts'
import { imports } from './en/imports.ts'
import { incidents } from './en/incidents.ts'
import { overview } from './en/overview.ts'
import { point } from './en/point.ts'
import { processing } from './en/processing.ts'
import { ui } from './en/ui.ts'
import { wizard } from './en/wizard.ts'
import { words } from './en/words.ts'
import type { Messages } from './es.ts'

/** The texts in English. */
export const en: Messages = {
  locale: 'en-GB',
  loading: 'Loading',
  ...words,
  account,
  admin,
  age,
  alerts,
  analysis,
  app,
  audit,
  balances,
  compare,
  compliance,
  clients,
  configuration,
  dga,
  entities,
  failure,
  fleet,
  gateways,
  imports,
  incidents,
  keys,
  overview,
  places,
  point,
  processing,
  records,
  readings,
  review,
  signIn,
  users,
  wizard,
  slot,
  stations,
  ui,
}
