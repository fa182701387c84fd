// Texts of signing in and of the own account, in English.

import type { Messages } from '../es.ts'
import { plural } from '../plural.ts'

/** Texts of `account`. */
export const account: Messages['account'] = {
  title: 'My account',
  profile: 'Profile',
  name: 'Name',
  email: 'E-mail',
  roles: 'Roles',
  allClients: 'all clients',
  role: {
    administrator: 'Administrator',
    operator: 'Operator',
    client_manager: 'Client manager',
    client_reader: 'Client reader',
    regulator_reader: 'Regulator reader',
  },
  appearance: 'Appearance and language',
  password: 'Change the password',
  currentPassword: 'Current password',
  newPassword: 'New password',
  repeat: 'Repeat the new one',
  passwordHint: 'At least 15 characters. All other sessions end.',
  change: 'Change password',
  changed: 'Password changed. All other sessions have ended.',
  mismatch: 'The two new passwords are not the same.',
  tooMany: 'Too many attempts. Wait some minutes.',
  wrongCurrent: 'The current password is not right.',
  sessions: 'Open sessions',
  thisOne: 'This session',
  begun: 'Since',
  from: 'Address',
  browser: 'Browser',
  end: 'End',
  ended: 'Session ended',
}

/** Texts of `signIn`. */
export const signIn: Messages['signIn'] = {
  title: 'Sign in',
  lead: 'Flows, levels and declarations to the DGA, with the proof of every value.',
  email: 'E-mail',
  password: 'Password',
  show: 'Show the password',
  submit: 'Sign in',
  busy: 'Signing in…',
  wrong: 'The e-mail or the password is not right.',
  locked: minutes => `Too many attempts. Try again in ${plural(minutes, 'minute', 'minutes')}.`,
  expired: 'Your session is over. Please sign in again.',
}
