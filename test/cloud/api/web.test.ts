// The files of the web application: what is kept, what is compressed, what the pages let in.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { PAGES } from '../../../cloud/web/pages.ts'
import { type ApiScene, openApiScene } from './scene.ts'

const PAGE = '<!doctype html><script type="module" src="/assets/main-1a2b.js"></script>'
const SCRIPT = 'console.log("agua")'.repeat(100)

describe('the web application', () => {
  let folder: string
  let api: ApiScene
  let bare: ApiScene
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'smarthydro-web-'))
    mkdirSync(join(folder, 'assets'))
    writeFileSync(join(folder, 'index.html'), PAGE)
    writeFileSync(join(folder, '.built'), 'a hash')
    writeFileSync(join(folder, 'assets', 'main-1a2b.js'), SCRIPT)
    writeFileSync(join(folder, 'assets', 'main-1a2b.js.br'), brotliCompressSync(SCRIPT))
    writeFileSync(join(folder, 'assets', 'main-1a2b.js.gz'), gzipSync(SCRIPT))
    api = await openApiScene({ webFolder: folder })
    bare = await openApiScene({ webFolder: join(folder, 'nowhere') })
  })
  after(async () => {
    await api.close()
    await bare.close()
    rmSync(folder, { recursive: true })
  })

  const get = (path: string, encoding = 'identity') =>
    fetch(`${api.url}${path}`, { headers: { 'accept-encoding': encoding } })

  test('is one document at every page, asked for each time, that lets in nothing from elsewhere', async () => {
    for (const page of PAGES) {
      const answer = await get(page.replaceAll(/\{\w+\}/g, 'campo.los-aromos.pozo-7'))
      assert.equal(answer.status, 200, page)
      assert.equal(await answer.text(), PAGE)
      assert.equal(answer.headers.get('cache-control'), 'no-cache')
      const policy = answer.headers.get('content-security-policy') ?? ''
      assert.match(policy, /default-src 'none'/)
      assert.doesNotMatch(policy, /unsafe|https?:|data:|\*/)
    }
  })

  test('is kept for ever where the name holds the hash of the content, in the best encoding that is taken', async () => {
    for (const [asked, given] of [
      ['br, gzip', 'br'],
      ['gzip;q=0.5', 'gzip'],
      ['identity', null],
    ] as const) {
      const answer = await get('/assets/main-1a2b.js', asked)
      assert.equal(answer.headers.get('content-encoding'), given)
      assert.equal(await answer.text(), SCRIPT)
      assert.match(answer.headers.get('cache-control') ?? '', /immutable/)
      assert.equal(answer.headers.get('vary'), 'accept-encoding')
      assert.match(answer.headers.get('content-type') ?? '', /javascript/)
    }
  })

  test('has the files that were built and no other, and no page but those', async () => {
    for (const path of [
      '/assets/..%2f.built',
      '/assets/.built',
      '/assets/main-1a2b.js.br',
      '/assets/x.js',
      '/points',
    ])
      assert.equal((await get(path)).status, 404, path)
    assert.match(await (await get('/points/a/b/c')).text(), /"Not found"/)
  })

  test('says how it is built where it is not', async () => {
    const answer = await fetch(bare.url)
    assert.equal(answer.status, 404)
    assert.match(await answer.text(), /not built here: node deploy\/web\.ts/)
  })
})
