// One poll of one device at its provider: what it has measured since the last one, or the reason why there is nothing.
//
// Promises:
//   V6. A sample gives one reading, at the device's own time. The same device time again gives none.
//   V7. A key without an answer gives one reading without a value, at the time of asking, with the reason. So does one of
//       which a provider has had nothing new for a day: both are facts, and not the same one.
//   V8. When samples lie between two that were read, further apart than a poll and a half, they are asked for, oldest
//       first where the provider allows, a bounded number in each poll. What cannot be had is given up, and said.
//   V9. A time that cannot be, in the future or before this century, is no measurement's time, and moves nothing.

import { type Decoded, type Scaling, scaleValue } from '../../protocol/modbus/scaling.ts'
import type { Measurement, TimeQuality } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Collected } from '../poller.ts'
import { fillGaps } from './history.ts'
import { type Judgement, judgeLatest } from './judge.ts'
import type { Mark, Marks } from './marks.ts'
import type { Provider, Sample } from './provider.ts'

/** One value of a device, under the key that its provider knows it by. */
export interface RemoteSignal extends Scaling {
  key: string
  point?: string | undefined
}

/** A device as it is polled. */
export interface RemoteDevice {
  id: string
  point: string
  everyMs: number
  signals: readonly RemoteSignal[]
}

interface PollDeps {
  provider: Provider
  marks: Marks
  clock: Clock
  log: Log
}

/** Polls a device. Rejects with the signal's reason only. */
export async function pollRemote(
  { provider, marks, clock, log }: PollDeps,
  device: RemoteDevice,
  timeQuality: TimeQuality,
  signal: AbortSignal,
): Promise<Collected> {
  const { id, everyMs, signals } = device
  const askedAt = clock.now()
  const keys = [...new Set(signals.map(({ key }) => key))]
  const latest = await provider.latest(keys, signal)
  // A clock that was never set cannot judge another one.
  const now = timeQuality === 'unsynced' ? undefined : clock.now()
  const known = marks.of(id)
  const judged = new Map(
    keys.map((key): [string, Judgement] => {
      const outcome = latest.get(key) ?? { kind: 'no_data' }
      return [key, judgeLatest(outcome, known.get(key), { now, everyMs })]
    }),
  )
  const filled = await fillGaps({ provider, log }, id, judged, signal)
  const measurements = signals.flatMap((definition): Measurement[] => {
    const { variable, key, point = device.point } = definition
    const judgement = judged.get(key) as Judgement
    const samples = [
      ...(filled.samples.get(key) ?? []),
      ...(judgement.sample === undefined ? [] : [judgement.sample]),
    ]
    const taken = samples.map(sample => ({
      ...{ point, variable, at: sample.at, timeQuality: 'device' as const },
      ...decodedOf(sample, definition),
    }))
    if (judgement.absent === undefined) return taken
    return [...taken, { point, variable, at: askedAt, value: null, quality: judgement.absent, timeQuality }]
  })
  return {
    measurements,
    failure: [...judged].find(([, { problem }]) => problem !== undefined)?.[1].problem,
    onStored: stored => keep(marks, id, filled.marks, stored.length > 0 || measurements.length === 0),
  }
}

/** What could not be put on disk is asked for again. */
async function keep(
  marks: Marks,
  id: string,
  reached: ReadonlyMap<string, Mark>,
  isStored: boolean,
): Promise<void> {
  if (isStored) await marks.put(id, reached)
}

function decodedOf({ given }: Sample, signal: Scaling): Decoded {
  return given.kind === 'number' ? scaleValue(given.raw, signal) : { value: null, quality: given.kind }
}
