// An obligation as somebody wishes it: what is in force, with what they changed of it.

import type { ObligationAsked, ObligationVersion } from '../api/types.ts'

type Asked = ObligationAsked['obligation']

/** What of an obligation people change on screen. */
export interface Wish {
  from: string
  standard: Asked['standard']
  /** Empty: as it is. */
  every: string
  channel: Asked['channel']
  mode: NonNullable<Asked['mode']>
  resolution: string
  flowLps: number | undefined
  yearlyM3: number | undefined
}

const span = (ms: number): string => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`)

/** The obligation in force, changed as wished: what nobody changes on screen stays as it is. */
export function toObligation(current: ObligationVersion, workCode: string, wish: Wish): Asked {
  const { standard, every, channel, mode, resolution, from } = wish
  const { frequency, selection, exemptions, checks, required, total, levelPoint } = current
  // Its own times belong to a standard that is left.
  const isSame = standard === current.standard
  const { stuckAfter, staleAfter, clockAfter, ...numbers } = checks
  return {
    ...{ from, standard, channel, workCode, mode },
    informant: current.informant,
    ...(every === '' ? (isSame ? { every: frequency } : {}) : { every }),
    ...(resolution.trim() === '' ? {} : { resolution: resolution.trim() }),
    ...(isSame || standard === 'custom' ? { maxLag: span(current.maxLagMs) } : {}),
    ...{ kind: current.kind, levelExempt: current.levelExempt, alsoPoints: current.alsoPoints },
    ...(required === null ? {} : { required }),
    exemptions: exemptions.map(({ to, ...one }) => (to === null ? one : { ...one, to })),
    ...(levelPoint === null ? {} : { levelPoint }),
    ...(total === null ? {} : { total }),
    totalRounding: current.totalRounding,
    ...{ deadline: span(current.deadlineMs), grace: span(current.graceMs) },
    ...(current.arrivalMs === 0 ? {} : { arrival: span(current.arrivalMs) }),
    select: selection,
    rights: rightsOf(current, wish),
    checks: {
      ...numbers,
      ...(stuckAfter === undefined ? {} : { stuckAfter: span(stuckAfter) }),
      ...(staleAfter === undefined ? {} : { staleAfter: span(staleAfter) }),
      ...(clockAfter === undefined ? {} : { clockAfter: span(clockAfter) }),
    },
  }
}

/** The first right is the one on screen; others stay. */
function rightsOf({ rights }: ObligationVersion, { flowLps, yearlyM3 }: Wish): NonNullable<Asked['rights']> {
  if (flowLps === undefined) return []
  return [{ flowLps, ...(yearlyM3 === undefined ? {} : { yearlyM3 }) }, ...rights.slice(1)]
}
