// The LAN broker of the configuration in force: begun anew where its settings or its series change, and only then.

import { isDeepStrictEqual } from 'node:util'
import type { LanState } from '../protocol/raw.ts'
import type { Reading } from '../protocol/reading.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import type { Log } from '../protocol/runtime/log.ts'
import type { Metrics } from '../protocol/runtime/metrics.ts'
import type { Closable } from '../protocol/runtime/scope.ts'
import { type LanBroker, openLanBroker } from './broker.ts'
import type { RunnableConfig } from './config.ts'
import { type SeriesFacts, seriesFacts } from './lan-facts.ts'
import type { SparkplugNode } from './sparkplug/node.ts'
import { nextBdSeq } from './sparkplug/session.ts'

/** What the LAN is shown. Where the configuration has no broker, nothing. */
export interface Lan extends Closable {
  publish(readings: readonly Reading[]): void
  tell(state: LanState): void
  /** Shows what this says from now on. Throws ConfigError when its port is taken; then nothing is shown. */
  apply(config: RunnableConfig): Promise<void>
}

interface Deps {
  clock: Clock
  log: Log
  metrics: Metrics
}

/** Opens it; nothing is shown yet. */
export function openLan(deps: Deps): Lan {
  let broker: LanBroker | undefined
  let shown: unknown
  const stop = async (): Promise<void> => {
    const old = broker
    broker = undefined
    shown = undefined
    await old?.close()
  }
  return {
    publish: readings => broker?.publish(readings),
    tell: state => broker?.tell(state),
    async apply(config) {
      const { lanBroker, client, project } = config
      const series = seriesFacts(config)
      const wanted = lanBroker === undefined ? undefined : { lanBroker, client, project, series }
      if (isDeepStrictEqual(wanted, shown)) return
      await stop()
      if (lanBroker === undefined) return
      const sparkplug = await openSparkplug(deps, config, series)
      broker = await openLanBroker(deps, { ...lanBroker, client, project, series, sparkplug })
      shown = wanted
    },
    close: stop,
  }
}

async function openSparkplug(
  { clock, log }: { clock: Clock; log: Log },
  { lanBroker, client, gateway, buffer }: RunnableConfig,
  series: readonly SeriesFacts[],
): Promise<SparkplugNode | undefined> {
  if (lanBroker?.sparkplug === undefined) return undefined
  const { groupId = client, nodeId = gateway } = lanBroker.sparkplug
  // Who does not speak it does not load it.
  const { openSparkplugNode } = await import('./sparkplug/node.ts')
  const bdSeq = await nextBdSeq({ log }, buffer.path)
  return openSparkplugNode({ clock }, { groupId, nodeId, bdSeq }, series)
}
