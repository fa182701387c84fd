// A well that is brought live: its point, the rules that make its values, what its gateway runs with, and what it owes, made
// together or not at all. Until somebody says otherwise nothing of it is declared.

import { type ProvisionDeps, provision } from '../provision.ts'
import { atOnce } from '../store/acting.ts'
import type { ConfigurationRow } from '../store/configurations.ts'
import type { Wanted } from './configurations.ts'

/** A well, as somebody describes it. */
export interface Well {
  client: string
  project: string
  point: { id: string; name: string; kind: string } & Record<string, string | number | null>
  /** What its instrument gives. */
  variables: readonly string[]
  sensorDepthM: number | null
  litresPerPulse: number | null
  /** Absent: nothing is owed. */
  obligation: Record<string, unknown> | undefined
}

/**
 * Makes the well and has its gateway measure it, in one transaction. `want` says what the gateway should run with from now
 * on. Throws ConfigError with every mistake of the well, and what `want` throws; then nothing is made.
 */
export function bringLive(
  deps: ProvisionDeps,
  well: Well,
  wanted: Wanted,
  want: (wanted: Wanted) => Promise<ConfigurationRow>,
): Promise<{ changes: string[]; configuration: ConfigurationRow }> {
  return atOnce(deps.db, async () => {
    const { changes } = await provision(deps, JSON.stringify(siteOf(well, deps.clock.now())), 'well')
    return { changes, configuration: await want(wanted) }
  })
}

const MINUTE_MS = 60_000

function siteOf(
  { client, project, point, variables, sensorDepthM, litresPerPulse, obligation }: Well,
  now: number,
): object {
  const name = `${client}.${project}.${point.id}`
  const from = new Date(now - (now % MINUTE_MS)).toISOString()
  return {
    points: [{ client, project, ...point }],
    calibrations: [
      ...(variables.includes('level') && sensorDepthM !== null
        ? [{ point: name, rule: 'level_to_water_table', from, sensorDepthM }]
        : []),
      ...(variables.includes('total') ? [{ point: name, rule: 'total_to_volume', from }] : []),
      ...(variables.includes('pulses') && !variables.includes('total') && litresPerPulse !== null
        ? [{ point: name, rule: 'pulses_to_volume', from, litresPerPulse }]
        : []),
    ],
    obligations: obligation === undefined ? [] : [{ point: name, from, ...obligation, mode: 'shadow' }],
  }
}
