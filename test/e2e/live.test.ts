// Live data in a browser: a value that comes while somebody looks is on the screen without its being asked for.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { buildWeb } from '../../deploy/web.ts'
import { fill, NOW } from '../cloud/api/content.ts'
import { type ApiScene, makeUser, openApiScene } from '../cloud/api/scene.ts'
import { until } from '../doubles/until.ts'
import { skipWithout } from '../peers.ts'
import { withBrowser } from './browser.ts'

const READS = 'ines@example.cl'

describe('the application, while values come', { skip: skipWithout('chromium') }, () => {
  let folder: string
  let api: ApiScene
  let password = ''
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'smarthydro-web-'))
    await buildWeb({ out: folder })
    api = await openApiScene({ webFolder: folder })
    await fill(api)
    password = await makeUser(api.db, READS, 'client_reader', 'campo')
  })
  after(async () => {
    await api.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('shows a new value that the stream told, and gives the stream back when it is closed', async () => {
    await withBrowser(
      'desk',
      { url: api.url, email: READS, password },
      async ({ page, open, complaints }) => {
        await open('/sign-in')
        await page.getByLabel('Correo electrónico').fill(READS)
        await page.getByLabel('Contraseña', { exact: true }).fill(password)
        await page.getByRole('button', { name: 'Ingresar', exact: true }).click()
        await page.getByRole('row', { name: /Pozo 7/ }).waitFor()
        await until('the page listens', () => api.live.listeners() === 1)

        await api.store('campo.los-aromos.pozo-7', 'flow', NOW + 1_000, [43.21])
        await api.db.query(
          `insert into batches (gateway_id, epoch, lane, first, last, readings, config_version)
         select id, 7, 0, 1, 1, 1, 1 from gateways where slug = 'gw-campo'`,
        )
        const row = page.getByRole('row', { name: /Pozo 7/ }).getByText(/43,2/)
        await until('the value is on the screen', async () => {
          await api.clock.advance(1_000)
          return (await row.count()) > 0
        })
        assert.deepEqual(complaints, [])
        await page.close()
        await until('nobody listens', async () => {
          await api.clock.advance(0)
          return api.live.listeners() === 0
        })
      },
    )
  })
})
