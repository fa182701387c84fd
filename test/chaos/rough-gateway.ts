// A gateway that is anything but careful: it sends its readings in batches cut anew each time, out of order, some of them
// twice, in both lanes, sometimes without their table, and tries until every number is answered.

import { openMqttTransport } from '../../edge/transport/mqtt.ts'
import type { Link } from '../../edge/transport/transport.ts'
import { Answer } from '../../protocol/batch.ts'
import { encodeBatch } from '../../protocol/codec.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import { ackTopic, LANES, stateTopic, upTopic } from '../../protocol/topics.ts'
import { TOKEN } from '../cloud/collector/site.ts'
import { batchOf } from '../doubles/gateway-client.ts'
import { readingNumber, tableOf } from './schedule.ts'

const EPOCH = 1
const BATCH_MAX = 60
/** Batches that it has under way. */
const WINDOW = 8
const ASK_AGAIN_MS = 1_000
const PAUSE_MS = 50
const TIMEOUT_MS = 5_000

/** Sends the readings of numbers `first` to `last`; resolves when all of them were answered as committed. */
export async function sendRoughly(
  { gateway, port, random }: { gateway: string; port: number; random: () => number },
  first: number,
  last: number,
  signal: AbortSignal,
): Promise<void> {
  const waiting = new Set(Array.from({ length: last - first + 1 }, (_, index) => first + index))
  const url = `mqtt://127.0.0.1:${port}`
  const transport = openMqttTransport(
    { clock },
    { url, clientId: gateway, username: gateway, password: TOKEN },
  )
  const refused: string[] = []
  const onMessage = ({ payload }: { payload: Uint8Array }) => {
    const answer = Answer.parse(JSON.parse(new TextDecoder().decode(payload)))
    if (answer.status === 'table-unknown') return
    if (answer.status !== 'committed') refused.push(JSON.stringify(answer))
    else for (let number = answer.first; number <= answer.through; number += 1) waiting.delete(number)
  }
  while (waiting.size > 0) {
    const link = await transport
      .connect(
        {
          ...{
            will: { topic: stateTopic(gateway), payload: new Uint8Array() },
            subscribe: [ackTopic(gateway)],
          },
          ...{ timeoutMs: TIMEOUT_MS, silenceMs: TIMEOUT_MS, onMessage },
        },
        signal,
      )
      .catch(unlessUnavailable)
    if (link === undefined) await clock.sleep(PAUSE_MS, signal)
    else await sendAll(link, { gateway, random, first, last, signal }, waiting)
    if (refused.length > 0) throw new Error(`${gateway} was refused: ${refused.join(', ')}`)
  }
}

interface Sending {
  gateway: string
  random: () => number
  signal: AbortSignal
}

/** Sends on one link, until nothing waits or the link is gone. */
async function sendAll(
  link: Link,
  { gateway, random, signal, ...all }: Sending & { first: number; last: number },
  waiting: ReadonlySet<number>,
): Promise<void> {
  let isGone = false
  void link.gone.then(() => {
    isGone = true
  })
  while (waiting.size > 0 && !isGone) {
    for (const [first, last] of cutRoughly(random, [...waiting], all)) {
      const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index)
      const readings = numbers.map(seq => ({ seq, ...readingNumber(gateway, seq) }))
      const bytes = encodeBatch(batchOf(tableOf(gateway), EPOCH, readings), { withTable: random() < 0.8 })
      const lane = LANES[Math.floor(random() * LANES.length)] ?? 'live'
      for (let copies = random() < 0.3 ? 2 : 1; copies > 0; copies -= 1) {
        link
          .publish(upTopic(gateway, lane), bytes, { retain: false, timeoutMs: TIMEOUT_MS })
          .catch(unlessUnavailable)
      }
    }
    const askAgainAt = clock.monotonic() + ASK_AGAIN_MS
    const { size } = waiting
    while (waiting.size === size && !isGone && clock.monotonic() < askAgainAt) await clock.sleep(5, signal)
  }
  await link.close()
}

/** Some stretches that hold numbers which wait, in any order; now and then with numbers that were answered already. */
function cutRoughly(
  random: () => number,
  waiting: readonly number[],
  all: { first: number; last: number },
): (readonly [number, number])[] {
  return Array.from({ length: Math.min(WINDOW, waiting.length) }, () => {
    const one = waiting[Math.floor(random() * waiting.length)] ?? all.first
    const first = Math.max(all.first, one - Math.floor((random() * BATCH_MAX) / 2))
    return [first, Math.min(all.last, first + Math.floor(random() * BATCH_MAX))] as const
  })
}

function unlessUnavailable(error: unknown): undefined {
  if (!(error instanceof Unavailable)) throw error
}
