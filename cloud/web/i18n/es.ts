// Every text of the application, in Spanish, by area. en.ts has the same in English; the compiler holds it to that.

import { account, signIn } from './es/account.ts'
import { admin, keys, users } from './es/admin.ts'
import { alerts } from './es/alerts.ts'
import { analysis, balances } from './es/analysis.ts'
import { age, app, failure } from './es/app.ts'
import { compare, readings } from './es/compare.ts'
import { compliance, slot } from './es/compliance.ts'
import { configuration } from './es/configuration.ts'
import { dga, review } from './es/dga.ts'
import { audit, clients, entities, places, records, stations } from './es/entities.ts'
import { fleet } from './es/fleet.ts'
import { gateways } from './es/gateways.ts'
import { imports } from './es/imports.ts'
import { incidents } from './es/incidents.ts'
import { overview } from './es/overview.ts'
import { point } from './es/point.ts'
import { processing } from './es/processing.ts'
import { ui } from './es/ui.ts'
import { wizard } from './es/wizard.ts'
import { words } from './es/words.ts'

/** The texts in Spanish. */
export const es = {
  locale: 'es-CL',
  loading: 'Cargando',
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

/** The texts of a language. */
export type Messages = typeof es
