// A secret in a file of its own: what is no such file is not read.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { secretText } from '../../edge/secrets.ts'
import { temporaryFolder } from './buffer/folder.ts'

const BYTES_MAX = 64 * 1024

for (const [what, make, message] of [
  [
    'a pipe into which nobody writes',
    path => void execFileSync('mkfifo', [path]),
    'key is not a regular file',
  ],
  ['a device without an end', path => symlinkSync('/dev/zero', path), 'key is not a regular file'],
  ['a folder', path => void mkdirSync(path), 'key is not a regular file'],
  [
    'a file that is larger than the memory',
    path => {
      writeFileSync(path, '')
      truncateSync(path, 2 ** 40)
    },
    'key has more than 65536 bytes',
  ],
  [
    'a file of too many bytes, whose characters are fewer',
    path => writeFileSync(path, `${'ñ'.repeat(BYTES_MAX / 2)}x`),
    'key has more than 65536 bytes',
  ],
  ['an empty file', path => writeFileSync(path, '\n'), 'key is empty'],
] satisfies [string, (path: string) => void, string][]) {
  test(`secretText() takes no secret from ${what}`, async context => {
    const folder = await temporaryFolder(context)
    make(join(folder, 'key'))

    assert.throws(() => secretText({ file: 'key' }, { environment: {}, folder }), { message })
  })
}

test('secretText() takes as many bytes as a secret may have, also through a link', async context => {
  const folder = await temporaryFolder(context)
  const secret = 'ñ'.repeat(BYTES_MAX / 2)
  writeFileSync(join(folder, 'key'), secret)
  symlinkSync('key', join(folder, 'link'))

  assert.equal(secretText({ file: 'link' }, { environment: {}, folder }), secret)
})

test('secretText() says why a file cannot be read', async context => {
  const folder = await temporaryFolder(context)

  assert.throws(
    () => secretText({ file: 'none' }, { environment: {}, folder }),
    /^Error: cannot be read: ENOENT/,
  )
})
