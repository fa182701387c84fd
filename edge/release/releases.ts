// The releases of a gateway that runs: what it takes from the cloud, its own trial, and what it says of both.

import type { Architecture } from '../../protocol/release.ts'
import type { GatewayHealth } from '../../protocol/status.ts'
import type { RunnableConfig } from '../config.ts'
import type { FetchDeps } from './fetch.ts'
import type { Shelf } from './shelf.ts'
import { runTrial } from './trial.ts'
import { openUpdater, type Updater } from './update.ts'

/** What a gateway says of its releases. */
export type ReleaseHealth = NonNullable<GatewayHealth['release']>

/** A release is on trial at least so long; longer where readings are rare. */
export const TRIAL_MS = 900_000
/** Within so many polls of its busiest source a release must have proved itself. */
const TRIAL_POLLS = 3

/** The releases of a gateway that runs. */
export interface Releases {
  /** What takes releases, for the configuration that is in force. */
  updater(config: () => RunnableConfig): Updater
  /** Says that this release has proved itself, when it is on trial and has. */
  prove(ownCommitted: () => number, signal: AbortSignal): Promise<void>
  tell(): Promise<ReleaseHealth>
}

/** What is the same for the whole process. */
export interface ReleasesOptions {
  version: string
  configFile: string
  architecture: Architecture | undefined
}

/** Opens the releases on a shelf. */
export function openReleases(
  deps: Omit<FetchDeps, 'onProgress'> & { shelf: Shelf },
  { version, configFile, architecture }: ReleasesOptions,
): Releases {
  const { shelf } = deps
  let updater: Updater | undefined
  return {
    updater(config) {
      const { fleetKey, ca } = config().credentials
      const options = { fleetKey, architecture, ca: ca === undefined ? undefined : [ca], configFile }
      updater = openUpdater(deps, { ...options, trialMs: () => trialMsOf(config()) })
      return updater
    },
    prove: (ownCommitted, signal) => runTrial({ ...deps, ownCommitted }, version, signal),
    async tell() {
      const { current: _, v: __, ...state } = await shelf.look()
      const fetching = updater?.progress()
      return {
        ...state,
        ...(architecture === undefined ? {} : { architecture }),
        ...(fetching === undefined ? {} : { fetching }),
      }
    },
  }
}

/** How long a release may take to prove itself at this site. */
export function trialMsOf({
  devices,
  providers,
  uplink,
}: Pick<RunnableConfig, 'devices' | 'providers' | 'uplink'>): number {
  const everyMs = Math.min(...[...devices, ...providers].map(({ every }) => every))
  return Number.isFinite(everyMs) ? Math.max(TRIAL_MS, TRIAL_POLLS * everyMs + uplink.maxDelay) : TRIAL_MS
}
