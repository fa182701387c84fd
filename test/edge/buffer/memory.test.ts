import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from './folder.ts'

const HEAP_MIB = 8

test('the heap does not grow with what lies in the buffer, nor while it comes and goes (B9)', {
  timeout: 60_000,
}, async t => {
  const filler = join(import.meta.dirname, 'filler.ts')
  const args = ['--expose-gc', filler, await temporaryFolder(t)]

  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })

  assert.equal(status, 0, stderr)
  const { empty, full, opened, drained, readings } = JSON.parse(stdout)
  assert.ok(readings >= 1_000_000)
  for (const [when, bytes] of Object.entries({ full, opened, drained })) {
    const grown = (bytes - empty) / 2 ** 20
    assert.ok(grown < HEAP_MIB, `${when}: ${grown.toFixed(1)} MiB more than empty`)
  }
})
