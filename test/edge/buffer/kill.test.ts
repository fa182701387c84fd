import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { assertKept, nothingConfirmed, takeLines } from './confirmed.ts'
import { atEnd, openTestBuffer, temporaryFolder } from './folder.ts'

const KILLS = Number(process.env.BUFFER_KILLS ?? 8)

test(`${KILLS} kills under load lose no confirmed reading and double no number (B1, B2, B3)`, {
  timeout: KILLS * 20_000,
}, async t => {
  const path = await temporaryFolder(t)
  const confirmed = nothingConfirmed()

  for (let kill = 0; kill < KILLS; kill += 1) {
    const child = spawn(process.execPath, [
      join(import.meta.dirname, 'writer.ts'),
      path,
      String(kill * 100_000),
    ])
    atEnd(t, () => child.kill('SIGKILL'))
    let said = ''
    child.stderr.on('data', chunk => t.diagnostic(String(chunk)))
    child.stdout.on('data', chunk => {
      said += chunk
      // Killed by what it has done, not by time, at a place that moves through a commit.
      if (said.length > 1500 + kill * 611) child.kill('SIGKILL')
    })
    await once(child, 'close')
    assert.ok(said.length > 1500)
    takeLines(confirmed, said)

    const buffer = await openTestBuffer(t, path)
    await assertKept(buffer, confirmed)
    await buffer.close()
  }
})
