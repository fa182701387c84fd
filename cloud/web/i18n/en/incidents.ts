// Texts of incidents, in English.

import type { Messages } from '../es.ts'
import { plural } from '../plural.ts'

/** Texts of `incidents`. */
export const incidents: Messages['incidents'] = {
  title: 'Incidents',
  open: 'Open',
  closed: 'Closed',
  which: 'Which',
  kind: 'What is wrong',
  subject: 'Where',
  since: 'Since',
  last: 'Last seen',
  until: 'Until',
  seen: count => plural(count, 'time', 'times'),
  reopened: count => `came back ${plural(count, 'time', 'times')}`,
  acknowledge: 'Acknowledge',
  acknowledged: who => `${who} knows`,
  none: 'No open incident',
  noneHint: 'What is wrong and lasts appears here once, with its count.',
  noneClosed: 'No closed incident',
  kinds: {
    ledger_difference: 'Readings of a gateway are missing',
    declaration_late: 'Declaration late',
    informant_cannot_declare: 'The informant cannot declare',
    sma_late: 'Reports to SMA are late',
    sensor_fault_expired: 'Faulty sensor without news',
    gateway_lost: 'Gateway lost',
    gateway_cloned: 'Copied card',
    alert: 'Alert',
  },
}
