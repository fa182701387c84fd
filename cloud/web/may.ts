// Who may do what, as far as a screen shows it; the API decides (cloud/api/rules.ts).

import { useQuery } from '@tanstack/react-query'
import { meQuery } from './api/queries.ts'
import type { Me } from './api/types.ts'

type Role = Me['grants'][number]['role']

/** What a screen lets people do. */
export const ABILITIES = {
  /** Looks after everything: users, clients, keys. */
  administer: ['administrator'],
  /** Changes how things run. */
  operate: ['administrator', 'operator'],
  /** Answers for what is declared. */
  decide: ['administrator', 'operator', 'client_manager'],
  /** Sees how the site is run. */
  watch: ['administrator', 'operator', 'client_manager', 'client_reader'],
  /** Sees points and declarations. */
  read: ['administrator', 'operator', 'client_manager', 'client_reader', 'regulator_reader'],
} as const satisfies Record<string, readonly Role[]>

/** One of them. */
export type Ability = keyof typeof ABILITIES

/** Whether somebody may, for any client. */
export function may(me: Me | null | undefined, ability: Ability): boolean {
  const roles: readonly Role[] = ABILITIES[ability]
  return me?.grants.some(({ role }) => roles.includes(role)) === true
}

/** Whether who is signed in may. */
export function useMay(ability: Ability): boolean {
  const { data: me } = useQuery(meQuery)
  return may(me, ability)
}
