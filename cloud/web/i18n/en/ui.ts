// Texts of the parts that screens are made of, in English.

import type { Messages } from '../es.ts'
import { plural } from '../plural.ts'

/** Texts of `ui`. */
export const ui: Messages['ui'] = {
  close: 'Close',
  cancel: 'Cancel',
  busy: 'One moment…',
  more: 'Load more',
  pick: 'Type to find',
  noneFound: 'Nothing of that name',
  same: 'No differences',
  before: 'Before:',
  after: 'Now:',
  differences: 'Differences',
  yes: 'Yes',
  no: 'No',
  none: 'None',
  all: 'All',
  save: 'Save',
  edit: 'Edit',
  remove: 'Remove',
  download: 'Download',
  dropFile: 'Drop the file here, or choose it',
  from: 'From',
  to: 'To',
  reason: 'Reason',
  typeToConfirm: typed => `Type ${typed} to confirm`,
  linesLeftOut: n => plural(n, 'line the same', 'lines the same'),
}
