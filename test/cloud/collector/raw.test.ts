// Which raw message is a series' newest (cloud/collector/raw.ts).

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openRawFeed } from '../../../cloud/collector/raw.ts'
import { AHEAD_MAX_MS, QUALITIES, type Reading, TIME_QUALITIES } from '../../../protocol/reading.ts'
import { VARIABLES } from '../../../protocol/variables.ts'
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

  test('shows nobody a value that was the newest when it was read, and is older than one that came meanwhile', () => {
    const clock = openFakeClock()
    const feed = openRawFeed({ clock })
    const row = (point: string) => ({
      ...{ ...OWNER, point, variable: VARIABLES.flow.code, at: clock.now(), value: 1 },
      ...{ quality: QUALITIES.good.code, timeQuality: TIME_QUALITIES.synced, seq: 1 },
    })

    const shown = feed.retained([row('pozo-6'), row('pozo-7')], 'raw/v1/campo/#')[Symbol.iterator]()
    assert.equal(shown.next().value?.topic, 'raw/v1/campo/los-aromos/pozo-6/flow')
    feed.messagesOf(OWNER, [readingAt(clock.now() + 1)])

    assert.equal(shown.next().done, true)
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
