// Sends a release to a cloud, chunk by chunk; sent again, it goes on where it was:
//
//   SMARTHYDRO_TOKEN=… node deploy/edge/publish.ts https://cloud.example dist/release-1.0.0
//
// The token is an administrator's. Rolling it out is another step: POST /api/v1/rollouts.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseManifest, RELEASE_CHUNK_BYTES } from '../../protocol/release.ts'

const [url, folder] = process.argv.slice(2)
const token = process.env.SMARTHYDRO_TOKEN
if (url === undefined || folder === undefined || token === undefined) {
  console.error('SMARTHYDRO_TOKEN=… node deploy/edge/publish.ts URL FOLDER')
  process.exit(64)
}
const manifest = readFileSync(join(folder, 'manifest.json'), 'utf8')
const { version } = parseManifest(manifest)
const added = await ask('POST', '', JSON.stringify({ manifest }), 'application/json')
if (added.status !== 201 && added.status !== 409) await fail(added)
const list = await ask('GET', '')
if (list.status !== 200) await fail(list)
const { items } = (await list.json()) as {
  items: { version: string; missing: { part: string; place: number }[] }[]
}
const { missing = [] } = items.find(one => one.version === version) ?? {}
for (const [index, { part, place }] of missing.entries()) {
  const whole = readFileSync(join(folder, part))
  const chunk = whole.subarray(place * RELEASE_CHUNK_BYTES, (place + 1) * RELEASE_CHUNK_BYTES)
  const sent = await ask('PUT', `/parts/${part}/chunks/${place}`, chunk, 'application/octet-stream')
  if (sent.status !== 204) await fail(sent)
  console.log(`chunk ${index + 1} of ${missing.length}`)
}
console.log(`release ${version} is whole`)

function ask(method: string, path: string, body?: string | Uint8Array, type?: string): Promise<Response> {
  return fetch(`${url}/api/v1/releases${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(type === undefined ? {} : { 'content-type': type }) },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
  })
}

async function fail(answer: Response): Promise<never> {
  console.error(`${answer.url} answered ${answer.status}: ${await answer.text()}`)
  process.exit(1)
}
