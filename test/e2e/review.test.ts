// Deciding and acknowledging in a browser: what is tried, confirmed and refused; what a role may not do; what stands there when
// the API does not answer.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { buildWeb } from '../../deploy/web.ts'
import { fill } from '../cloud/api/content.ts'
import { type ApiScene, makeUser, openApiScene } from '../cloud/api/scene.ts'
import { skipWithout } from '../peers.ts'
import { type Person, withBrowser } from './browser.ts'

const DECIDES = 'ana@example.cl'
const READS = 'ines@example.cl'

describe('the application, for who decides', { skip: skipWithout('chromium') }, () => {
  let folder: string
  let api: ApiScene
  const passwords: Record<string, string> = {}
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'smarthydro-web-'))
    await buildWeb({ out: folder })
    api = await openApiScene({ webFolder: folder })
    await fill(api)
    await api.db.query(
      `update slots set state = 'review', reason = 'Caudal sobre el derecho' where state = 'ready'`,
    )
    passwords[DECIDES] = await makeUser(api.db, DECIDES, 'client_manager', 'campo')
    passwords[READS] = await makeUser(api.db, READS, 'client_reader', 'campo')
  })
  after(async () => {
    await api.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const withPerson = (email: string, screen: 'desk' | 'phone', work: (person: Person) => Promise<void>) =>
    withBrowser(screen, { url: api.url, email, password: '' }, async person => {
      const { page, open } = person
      await open('/sign-in')
      await page.getByLabel('Correo electrónico').fill(email)
      await page.getByLabel('Contraseña', { exact: true }).fill(passwords[email] ?? '')
      await page.getByRole('button', { name: 'Ingresar', exact: true }).click()
      await page.getByRole('heading', { level: 1, name: 'Resumen' }).waitFor()
      await work(person)
    })
  const states = async (): Promise<string[]> => {
    const rows = await api.db.query<{ state: string }>(
      `select state from slots where work_code = 'OB-0602-1' order by due_at`,
    )
    return rows.map(({ state }) => state)
  }

  test('lets who may only read see what waits for a decision, and decide nothing', async () => {
    await withPerson(READS, 'phone', async ({ page, open, look }) => {
      await open('/review')
      await page.getByText('Caudal sobre el derecho').first().waitFor()
      assert.equal(await page.getByRole('checkbox').count(), 0)
      await look('review-of-a-reader')
    })
  })

  test('decides about what was chosen when that is confirmed, and not before', async () => {
    const before = await states()
    await withPerson(DECIDES, 'desk', async ({ page, open, look }) => {
      await open('/review')
      await page.getByRole('checkbox', { name: 'Elegir todas' }).check()
      const reject = page.getByRole('button', { name: 'Rechazar' })
      assert.equal(await reject.isDisabled(), true, 'without a reason')
      await page.getByLabel('Motivo').fill('Medidor en reparación')
      await look('review-chosen')
      await reject.click()
      await page.getByText('no se declararán').waitFor()
      await look('review-to-confirm')
      assert.deepEqual(await states(), before)
      await page.getByRole('button', { name: 'Confirmar' }).click()
      await page.getByText('Nada por revisar').waitFor()
    })
    assert.deepEqual(
      await states(),
      before.map(state => (state === 'review' ? 'rejected' : state)),
    )
  })

  test('acknowledges an incident, whose count then goes', async () => {
    await withPerson(DECIDES, 'phone', async ({ page, open, look }) => {
      await open('/incidents')
      await page.getByText('Faltan lecturas de un gateway').first().waitFor()
      await page.locator('.nav-count').waitFor()
      await look('incidents-open')
      for (const box of await page.getByRole('checkbox').all()) await box.check()
      await page
        .getByRole('region', { name: /elegido/ })
        .getByRole('button', { name: 'Tomar conocimiento' })
        .click()
      await page
        .getByText(/Lo sabe/)
        .first()
        .waitFor()
      await page.locator('.nav-count').waitFor({ state: 'detached' })
    })
  })

  test('says what is not there and what does not answer, and goes on when it does again', async () => {
    await withPerson(READS, 'desk', async ({ page, open, complaints }) => {
      await open('/review')
      await page.goto('/points/otra.los-aromos.pozo-7')
      await page.getByText('No existe, o su usuario no puede verlo.').waitFor()
      await page.route('**/api/v1/gateways?*', route => route.abort())
      await page.goto('/gateways')
      await page.getByText('El servidor no responde').waitFor()
      await page.unroute('**/api/v1/gateways?*')
      await page.getByRole('button', { name: 'Reintentar' }).click()
      await page.getByRole('link', { name: 'gw-campo' }).waitFor()
      // Only what the browser itself writes down of each: the 404 and the requests that were cut off.
      assert.ok(
        complaints.every(one => /404|ERR_FAILED/.test(one)),
        complaints.join('\n'),
      )
    })
  })

  test('sends away who was signed out elsewhere, and back to where they were', async () => {
    await withPerson(DECIDES, 'desk', async ({ page, open }) => {
      await open('/gateways')
      await api.db.query('delete from auth.sessions')
      await page.goto('/gateways/gw-campo')
      await page.waitForURL('**/sign-in?next=*')
      await page.getByLabel('Correo electrónico').fill(DECIDES)
      await page.getByLabel('Contraseña', { exact: true }).fill(passwords[DECIDES] ?? '')
      await page.getByRole('button', { name: 'Ingresar', exact: true }).click()
      await page.waitForURL('**/gateways/gw-campo')
      await page.getByRole('heading', { level: 1, name: 'gw-campo' }).waitFor()
    })
  })
})
