// Which raw message is a series' newest (cloud/collector/raw.ts).

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openRawFeed } from '../../../cloud/collector/raw.ts'
import { AHEAD_MAX_MS, type Reading } from '../../../protocol/reading.ts'
import { openFakeClock } from '../../doubles/clock.ts'

const OWNER = { client: 'campo', project: 'los-aromos' }

describe('openRawFeed()', () => {
  test('takes a reading that is older than one before it for late', () => {
    const clock = openFakeClock()
    const feed = openRawFeed({ clock })

    const late = lateness(feed.messagesOf(OWNER, [readingAt(clock.now()), readingAt(clock.now() - 1000)]))

    assert.deepEqual(late, [false, true])
  })

  test('takes no reading of a clock that ran ahead for the newest, and the next one of a right clock for it', () => {
    const clock = openFakeClock()
    const feed = openRawFeed({ clock })
    const now = clock.now()

    const late = lateness(
      feed.messagesOf(OWNER, [now, now + AHEAD_MAX_MS + 1, now + 1000, now + AHEAD_MAX_MS].map(readingAt)),
    )

    assert.deepEqual(late, [false, true, false, false])
  })
})

function readingAt(at: number): Reading {
  return {
    ...{ seq: 1, point: 'pozo-7', variable: 'flow', at, value: 1 },
    ...{ quality: 'good', timeQuality: 'synced' },
  }
}

/** What each message says of itself, which must be what its payload says. */
function lateness(messages: readonly { payload: string; late: boolean }[]): boolean[] {
  return messages.map(({ payload, late }) => {
    assert.equal(JSON.parse(payload).h === true, late)
    return late
  })
}
