// Secrets at rest.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { openSecrets } from '../../../cloud/compliance/secrets.ts'
import { Rejected } from '../../../protocol/runtime/errors.ts'

const master = new Uint8Array(randomBytes(32))

test('openSecrets() opens for the owner alone, and seals no secret twice the same', () => {
  const secrets = openSecrets(master)
  const sealed = secrets.seal('clave-ñ-1', 'informant 12345678-5')

  assert.equal(secrets.open(sealed, 'informant 12345678-5'), 'clave-ñ-1')
  assert.throws(() => secrets.open(sealed, 'informant 11111111-1'), Rejected)
  assert.notDeepEqual(secrets.seal('clave-ñ-1', 'informant 12345678-5').bytes, sealed.bytes)
  assert.equal(Buffer.from(sealed.bytes).includes('clave'), false)
})

test('openSecrets() notices every altered byte', () => {
  const secrets = openSecrets(master)
  const { keyId, bytes } = secrets.seal('clave', 'x')
  for (let index = 0; index < bytes.length; index += 1) {
    const altered = bytes.slice()
    altered[index] = (altered[index] ?? 0) ^ 1
    assert.throws(() => secrets.open({ keyId, bytes: altered }, 'x'), Rejected)
  }
})

test('openSecrets() opens with a former key what was sealed with it, and seals with the current one', () => {
  const before = openSecrets(master).seal('clave', 'x')
  const rotated = openSecrets(new Uint8Array(randomBytes(32)), [master])

  assert.equal(rotated.open(before, 'x'), 'clave')
  assert.notEqual(rotated.seal('clave', 'x').keyId, before.keyId)
  assert.throws(() => openSecrets(new Uint8Array(randomBytes(32))).open(before, 'x'), /key \w+ is not here/)
})

test('openSecrets() puts a secret into another envelope without touching what is inside', () => {
  const before = openSecrets(master).seal('clave', 'x')
  const next = new Uint8Array(randomBytes(32))
  const rotated = openSecrets(next, [master])

  const after = rotated.rewrap(before, 'x')

  assert.equal(after.keyId, rotated.currentKeyId)
  assert.equal(openSecrets(next).open(after, 'x'), 'clave')
  assert.deepEqual(after.bytes.slice(-30), before.bytes.slice(-30))
  assert.throws(() => rotated.rewrap(before, 'y'), Rejected)
})
