// Whether an evidence pack is what its sums say, as the browser looks.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { type PackedFile, toTar } from '../../../cloud/compliance/tar.ts'
import { verifyPack } from '../../../cloud/web/screens/verify-pack.ts'

const file = (name: string, text: string): PackedFile => ({ name, bytes: new TextEncoder().encode(text) })
const FILES = [file('OB-0602-7-2026-01.json', '{}\n'), file('OB-0602-7-2026-01.csv', 'a;b\n'.repeat(300))]
const SUMS = file(
  'SHA256SUMS',
  FILES.map(({ name, bytes }) => `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`).join(''),
)
const verdict = (files: readonly PackedFile[]) => verifyPack(Uint8Array.from(toTar(files)).buffer)

test('verifyPack() finds a pack as it was made good', async () => {
  assert.deepEqual(await verdict([...FILES, SUMS]), { kind: 'good', files: 2 })
})

test('verifyPack() names what was changed, left out, or put in', async () => {
  const [json = SUMS, csv = SUMS] = FILES
  const changed = { ...csv, bytes: csv.bytes.with(0, 65) }

  assert.deepEqual(await verdict([json, changed, SUMS]), { kind: 'bad', names: [csv.name] })
  assert.deepEqual(await verdict([json, SUMS]), { kind: 'bad', names: [csv.name] })
  assert.deepEqual(await verdict([...FILES, file('otro.txt', 'x'), SUMS]), {
    kind: 'bad',
    names: ['otro.txt'],
  })
})

test('verifyPack() says of anything else that it is no pack', async () => {
  assert.deepEqual(await verdict(FILES), { kind: 'none' })
  assert.deepEqual(await verifyPack(new TextEncoder().encode('x'.repeat(2_000)).buffer), { kind: 'none' })
  assert.deepEqual(await verifyPack(new ArrayBuffer(0)), { kind: 'none' })
  const cut = toTar([...FILES, SUMS]).slice(0, 700)
  assert.deepEqual(await verifyPack(Uint8Array.from(cut).buffer), { kind: 'none' })
})
