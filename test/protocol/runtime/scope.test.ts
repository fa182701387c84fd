import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import { openScope } from '../../../protocol/runtime/scope.ts'

test('Scope closes what was opened, last first, after its loops have ended', async () => {
  const events: string[] = []
  {
    await using scope = openScope()
    scope.use({ close: () => void events.push('first closed') })
    scope.use({ close: () => void events.push('second closed') })
    scope.run(async signal => {
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
      events.push('loop ended')
    })
  }

  assert.deepEqual(events, ['loop ended', 'second closed', 'first closed'])
})

test('Scope.finished() throws what a loop threw, and the other loops are told to stop', async () => {
  let told = false
  const leave = async () => {
    await using scope = openScope()
    scope.run(async () => {
      throw new Error('bug')
    })
    scope.run(async signal => {
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
      told = true
    })
    await scope.finished()
  }

  await assert.rejects(leave, { message: 'bug' })
  assert.equal(told, true)
})

test('Scope throws one failure where several loops meet the same one: who catches it sees its class', async () => {
  const leave = async (second: Error) => {
    await using scope = openScope()
    scope.run(async () => {
      throw new Unavailable('The link is gone')
    })
    scope.run(async signal => {
      await new Promise<void>(resolve => signal.addEventListener('abort', () => setImmediate(resolve)))
      throw second
    })
    await scope.finished()
  }

  await assert.rejects(leave(new Unavailable('Not published, the link is gone')), {
    name: 'Unavailable',
    message: 'The link is gone',
  })
  await assert.rejects(leave(new TypeError('bug')), SuppressedError, 'a bug is not hidden behind it')
})

test('Scope tries every closing, and then throws the first failure', async () => {
  let closed = false
  const leave = async () => {
    await using scope = openScope()
    scope.use({
      close: () => {
        closed = true
      },
    })
    scope.use({ close: () => Promise.reject(new Error('cannot close')) })
  }

  await assert.rejects(leave, /cannot close/)
  assert.equal(closed, true)
})

test('Scope ends quietly when its parent’s signal aborts a sleeping loop', async () => {
  const parent = new AbortController()
  const leave = async () => {
    await using scope = openScope(parent.signal)
    scope.run(
      signal => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
    parent.abort(new Error('stop'))
    await scope.finished()
  }

  await leave()
})
