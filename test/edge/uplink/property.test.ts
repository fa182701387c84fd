// Whatever the cloud and the link do, and whenever the process is stopped: what the buffer forgot is committed, and in
// the end everything is, once each.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Reading } from '../../../protocol/reading.ts'
import type { CloudFault } from '../../doubles/cloud.ts'
import { measurements } from '../buffer/folder.ts'
import { ackText, GATEWAY, passUntil, type Scene, setScene } from './scene.ts'

type Step =
  | { kind: 'append'; count: number }
  | { kind: 'fault'; fault: CloudFault }
  | { kind: 'pass'; ms: number }
  | { kind: 'stray-ack'; first: number; length: number }
  | { kind: 'outage'; ms: number }
  | { kind: 'restart' }

const fault: fc.Arbitrary<CloudFault> = fc.oneof(
  fc.constantFrom<CloudFault>(
    { kind: 'ignore' },
    { kind: 'lose-ack' },
    { kind: 'duplicate-ack' },
    { kind: 'table-unknown' },
    { kind: 'disconnect' },
  ),
  fc.record({ kind: fc.constant('late-ack' as const), ms: fc.integer({ min: 1, max: 8_000 }) }),
  fc.record({ kind: fc.constant('slow-down' as const), ms: fc.integer({ min: 1, max: 5_000 }) }),
)

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 700 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('fault' as const), fault }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 7_000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('stray-ack' as const),
      first: fc.integer({ min: 1, max: 2_000 }),
      length: fc.integer({ min: 1, max: 5_000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('outage' as const), ms: fc.integer({ min: 1, max: 9_000 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
)

test('what is forgotten is committed, and in the end everything is, as it was measured, once each (U1)', async context => {
  let seed = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async steps => {
      const scene = await setScene(context, {
        ackTimeoutMs: 5_000,
        window: 3,
        minReadings: 50,
        maxDelayMs: 500,
      })
      const measured: Reading[] = []
      let gateway = scene.start()
      for (const each of steps) {
        if (each.kind === 'append') {
          seed += 1
          measured.push(...(await scene.buffer.append(measurements(each.count, seed))))
          gateway.uplink.wake()
        } else if (each.kind === 'restart') {
          await gateway.stop()
          gateway = scene.start()
        } else await disturb(scene, each)
        checkForgotten(scene)
      }

      await passUntil(scene.clock, 'everything is answered', () => {
        checkForgotten(scene)
        return scene.buffer.status().unackedRanges.length === 0
      })
      await gateway.stop()
      const committed = [...scene.cloud.stored.values()].sort((a, b) => a.seq - b.seq)
      assert.deepEqual(committed, measured)
      await scene.cloud.close()
    }),
    { numRuns: 20, endOnFailure: true },
  )
})

async function disturb(
  scene: Scene,
  disturbance: Exclude<Step, { kind: 'append' | 'restart' }>,
): Promise<void> {
  switch (disturbance.kind) {
    case 'fault':
      scene.cloud.fail(disturbance.fault)
      return
    case 'pass':
      await scene.clock.advance(disturbance.ms)
      return
    case 'stray-ack': {
      const { first, length } = disturbance
      // An ack of something that this cloud never saw: only who was asked may be believed.
      scene.cloud.say(GATEWAY, ackText(scene, { first, through: first + length, epoch: otherEpoch(scene) }))
      return
    }
    case 'outage':
      await scene.cloud.stop()
      await scene.clock.advance(disturbance.ms)
      await scene.cloud.start()
  }
}

const otherEpoch = ({ buffer }: Scene): number => (buffer.epoch === 1 ? 2 : buffer.epoch - 1)

/** Every number that the buffer does not give any more is committed. */
function checkForgotten({ buffer, cloud }: Scene): void {
  const { nextSeq, unackedRanges, epoch } = buffer.status()
  let seq = 1
  for (const range of [...unackedRanges, { first: nextSeq, last: nextSeq }]) {
    for (; seq < range.first; seq += 1) assert.ok(cloud.stored.has(`${epoch}/${seq}`), `${seq} is lost`)
    seq = range.last + 1
  }
}
