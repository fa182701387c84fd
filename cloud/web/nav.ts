// Where one can go: the column at a desk, the bar and the sheet of a phone, and the palette are all made from this list.

import type { LinkProps } from '@tanstack/react-router'
import type { Messages } from './i18n/es.ts'
import type { Ability } from './may.ts'
import type { IconName } from './ui/icons.tsx'

/** The groups of the column, in their order. */
export const GROUPS = ['watch', 'comply', 'run', 'manage'] as const

/** A place that one can go to. */
export interface Place {
  to: NonNullable<LinkProps['to']>
  label: (text: Messages) => string
  icon: IconName
  group: (typeof GROUPS)[number]
  /** Who is shown it. */
  ability: Ability
  /** Whether it stands in a phone's bar; of these there are four at most, the rest is behind "more". */
  isPinned?: boolean
}

/** Every place, in the order of its group. */
export const PLACES: readonly Place[] = [
  {
    ...{ to: '/', label: text => text.app.overview, icon: 'overview', group: 'watch' },
    ...{ ability: 'read', isPinned: true },
  },
  {
    ...{ to: '/incidents', label: text => text.incidents.title, icon: 'incident', group: 'watch' },
    ...{ ability: 'watch', isPinned: true },
  },
  {
    ...{ to: '/alerts/rules', label: text => text.alerts.rules, icon: 'bell', group: 'watch' },
    ability: 'watch',
  },
  {
    ...{ to: '/balances', label: text => text.balances.title, icon: 'balance', group: 'watch' },
    ability: 'read',
  },
  {
    ...{ to: '/compare', label: text => text.compare.title, icon: 'compare', group: 'watch' },
    ability: 'read',
  },
  { to: '/dga', label: text => text.compliance.title, icon: 'dga', group: 'comply', ability: 'read' },
  {
    ...{ to: '/review', label: text => text.review.title, icon: 'review', group: 'comply' },
    ...{ ability: 'read', isPinned: true },
  },
  {
    ...{ to: '/gateways', label: text => text.app.gateways, icon: 'gateway', group: 'run' },
    ...{ ability: 'watch', isPinned: true },
  },
  { to: '/wizard', label: text => text.wizard.title, icon: 'plus', group: 'run', ability: 'operate' },
  {
    ...{ to: '/imports', label: text => text.imports.title, icon: 'upload', group: 'run' },
    ability: 'operate',
  },
  {
    ...{ to: '/admin', label: text => text.admin.title, icon: 'settings', group: 'manage' },
    ability: 'decide',
  },
  {
    ...{ to: '/notifications', label: text => text.alerts.notifications, icon: 'bell', group: 'manage' },
    ability: 'watch',
  },
  { to: '/account', label: text => text.app.account, icon: 'account', group: 'manage', ability: 'read' },
]
