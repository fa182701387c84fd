// The sections of the administration, in their order.

import type { LinkProps } from '@tanstack/react-router'
import type { Me } from '../../api/types.ts'
import type { Messages } from '../../i18n/es.ts'
import { type Ability, may } from '../../may.ts'

/** The sections of the administration. `name` is that of its text, `ability` says who is shown it. */
export const SECTIONS: readonly {
  name: keyof Messages['admin']['sections']
  to: NonNullable<LinkProps['to']>
  ability: Ability
}[] = [
  { name: 'clients', to: '/admin/clients', ability: 'operate' },
  { name: 'points', to: '/admin/points', ability: 'decide' },
  { name: 'gateways', to: '/admin/gateways', ability: 'operate' },
  { name: 'users', to: '/admin/users', ability: 'administer' },
  { name: 'keys', to: '/admin/keys', ability: 'administer' },
  { name: 'audit', to: '/admin/audit', ability: 'decide' },
]

/** The sections that somebody may see. */
export const sectionsOf = (me: Me | null | undefined) => SECTIONS.filter(({ ability }) => may(me, ability))
