// The web application's types of the API are those of the API's document.
//
// `UPDATE=1 node --test test/cloud/web/types.test.ts` writes them anew.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ROUTES } from '../../../cloud/web/api/routes.ts'
import { writeClientTypes } from '../../../deploy/client-types.ts'
import { openApiScene } from '../api/scene.ts'

const FILE = fileURLToPath(new URL('../../../cloud/web/api/types.ts', import.meta.url))

test('the types of the routes that the web application asks are as the document says now', async () => {
  const api = await openApiScene()
  const written = writeClientTypes(api.document, ROUTES)
  await api.close()
  const { stdout, status, stderr } = spawnSync(
    'biome',
    ['format', '--colors=off', '--stdin-file-path=cloud/web/api/types.ts'],
    { input: written, encoding: 'utf8' },
  )
  assert.equal(status, 0, stderr)
  if (process.env.UPDATE === '1') writeFileSync(FILE, stdout)
  assert.equal(
    readFileSync(FILE, 'utf8'),
    stdout,
    'UPDATE=1 node --test test/cloud/web/types.test.ts writes it',
  )
})

test('writeClientTypes() names a route that the document does not have, and a type that it cannot write', () => {
  const none = { paths: {}, components: { schemas: {} } }
  assert.throws(() => writeClientTypes(none, ['GET /nowhere']), /no GET \/nowhere/)
  const strange = {
    paths: {
      '/a': {
        get: { responses: { 200: { content: { 'application/json': { schema: { type: 'date' } } } } } },
      },
    },
    components: { schemas: {} },
  }
  assert.throws(() => writeClientTypes(strange, ['GET /a']), /Cannot write the type date/)
})
