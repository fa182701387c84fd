// What a killed writer had said, and whether the buffer it left behind agrees.

import assert from 'node:assert/strict'
import type { Buffer } from '../../../edge/buffer.ts'
import { readAll } from './folder.ts'

/** Numbers that were confirmed, and those that were answered or may have been. */
export interface Confirmed {
  epoch: number | undefined
  appended: Set<number>
  acked: Set<number>
  maybeAcked: Set<number>
}

/** Nothing said yet. */
export function nothingConfirmed(): Confirmed {
  return { epoch: undefined, appended: new Set(), acked: new Set(), maybeAcked: new Set() }
}

/** Takes in the complete lines of a writer. A number that is confirmed twice is an error. */
export function takeLines(confirmed: Confirmed, text: string): void {
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    const [word, firstText, lastText] = line.split(' ')
    const [first, last] = [Number(firstText), Number(lastText)]
    if (word === 'open') {
      assert.equal(first, confirmed.epoch ?? first, 'the epoch stayed')
      confirmed.epoch = first
    }
    if (word !== 'append' && word !== 'ack' && word !== 'acking') continue
    const set = { append: confirmed.appended, ack: confirmed.acked, acking: confirmed.maybeAcked }[word]
    for (let number = first; number <= last; number += 1) {
      assert.ok(word !== 'append' || !set.has(number), `number ${number} was given once`)
      set.add(number)
    }
  }
}

/**
 * Asserts that every confirmed number is there, unless it was or may have been answered; that no answered one is; that
 * nothing is missing or comes twice. Returns how many were looked for.
 */
export async function assertKept(buffer: Buffer, confirmed: Confirmed): Promise<number> {
  const { seqs, missing } = await readAll(buffer)
  const found = new Set(seqs)
  assert.deepEqual(missing, [])
  assert.equal(found.size, seqs.length)
  const lost = [...confirmed.appended].filter(
    number => !found.has(number) && !confirmed.maybeAcked.has(number),
  )
  assert.deepEqual(lost, [], 'confirmed and lost')
  const back = [...confirmed.acked].filter(number => found.has(number))
  assert.deepEqual(back, [], 'answered and back')
  assert.equal(buffer.epoch, confirmed.epoch)
  const highest = [...confirmed.appended].reduce((most, number) => Math.max(most, number), 0)
  assert.ok(buffer.status().nextSeq > highest)
  return confirmed.appended.size
}
