// The administration in a browser: a client, its project and its well come to be, two people change it at once, and the audit
// says who did what.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { buildWeb } from '../../deploy/web.ts'
import { fill } from '../cloud/api/content.ts'
import { type ApiScene, makeUser, openApiScene } from '../cloud/api/scene.ts'
import { skipWithout } from '../peers.ts'
import { type Person, type SCREENS, withBrowser } from './browser.ts'

const EMAIL = 'eva@example.cl'
const WELL = 'agro.sur.pozo-1'

describe('the administration', { skip: skipWithout('chromium') }, () => {
  let api: ApiScene
  let password = ''
  before(async () => {
    await buildWeb()
    api = await openApiScene()
    await fill(api)
    password = await makeUser(api.db, EMAIL, 'administrator')
  })
  after(() => api.close())

  const withPerson = (screen: keyof typeof SCREENS, work: (person: Person) => Promise<void>) =>
    withBrowser(screen, { url: api.url, email: EMAIL, password }, async person => {
      const { page, open } = person
      await open('/sign-in')
      await page.getByLabel('Correo electrónico').fill(EMAIL)
      await page.getByLabel('Contraseña', { exact: true }).fill(password)
      await page.getByRole('button', { name: 'Ingresar', exact: true }).click()
      await page.getByRole('heading', { level: 1, name: 'Resumen' }).waitFor()
      await work(person)
    })

  test('brings a client, a project and a well to be, and says who did it', async () => {
    await withPerson('desk', async ({ page, open, look, complaints }) => {
      await open('/admin/clients')
      await look('admin-clients')
      await page.getByRole('button', { name: 'Nuevo cliente' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('Nombre').fill('Agrícola del Sur')
      await dialog.getByLabel('Identificador').fill('agro')
      await dialog.getByLabel('RUT').fill('76.543.210-9')
      await dialog.getByRole('button', { name: 'Nuevo cliente' }).click()
      await dialog.locator('.field-wrong').waitFor()
      assert.match(complaints.pop() ?? '', /400/)
      await dialog.getByLabel('RUT').fill('76.543.210-3')
      await dialog.getByRole('button', { name: 'Nuevo cliente' }).click()
      await page.getByRole('heading', { level: 1, name: 'Agrícola del Sur' }).waitFor()
      await page.getByRole('button', { name: 'Nuevo proyecto' }).click()
      await dialog.getByLabel('Nombre').fill('Fundo Sur')
      await dialog.getByLabel('Identificador').fill('sur')
      await dialog.getByRole('button', { name: 'Nuevo proyecto' }).click()
      await page.getByRole('cell', { name: 'Fundo Sur sur' }).waitFor()
      await look('admin-client')

      await open('/admin/new-point')
      await page.getByLabel('Proyecto').fill('fundo')
      await page.getByRole('option', { name: /Fundo Sur/ }).click()
      await page.getByLabel('Identificador').fill('pozo-1')
      await page.getByLabel('Nombre').fill('Pozo Uno')
      await page.getByLabel('Fondo del pozo (d1)').fill('120')
      await page.getByLabel('Bomba (d2)').fill('130,5')
      await page.getByText('No puede estar más abajo que el fondo del pozo, 120 m').first().waitFor()
      assert.ok(await page.getByRole('button', { name: 'Nuevo punto' }).isDisabled())
      await look('admin-new-point')
      await page.getByLabel('Bomba (d2)').fill('95,5')
      await page.getByRole('button', { name: 'Nuevo punto' }).click()
      await page.getByRole('heading', { level: 1, name: 'Pozo Uno' }).waitFor()

      await page.getByRole('button', { name: 'Agregar contacto' }).click()
      await dialog.getByLabel('Nombre').fill('Ana Rojas')
      await dialog.getByLabel('Teléfono').fill('+56 9 1234 5678')
      await dialog.getByRole('button', { name: 'Guardar' }).click()
      await page.getByRole('link', { name: '+56 9 1234 5678' }).waitFor()
      await page.getByRole('button', { name: 'Agregar documento' }).click()
      const file = { name: 'resolución.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.7') }
      await dialog.getByLabel('Archivo').setInputFiles(file)
      await dialog.getByRole('button', { name: 'Agregar documento' }).click()
      const link = page.getByRole('link', { name: 'resolución.pdf' })
      const [download] = await Promise.all([page.waitForEvent('download'), link.click()])
      assert.equal(download.suggestedFilename(), 'resolución.pdf')
      await look('admin-point')

      await open('/admin/audit')
      await page.getByText(WELL).first().waitFor()
      await page.getByLabel('Qué', { exact: true }).selectOption('contacto')
      await page.getByRole('button', { name: 'Filtrar' }).click()
      await page.getByText('creó').first().waitFor()
      assert.match((await page.locator('.audit-entry').first().textContent()) ?? '', /eva@example\.cl/)
      await look('admin-audit')
    })
  })

  test('shows what somebody else has changed meanwhile, and takes back nothing of it', async () => {
    const path = '/api/v1/points/campo.los-aromos.campo-8'
    await withPerson('desk', async ({ page, open, look, complaints }) => {
      await open('/admin/points/campo.los-aromos.campo-8')
      await page.getByLabel('Sensor (d3)').fill('70')
      const seen = await api.ask('GET /api/v1/points/{point}', { path })
      await api.ask('PATCH /api/v1/points/{point}', {
        path,
        init: {
          headers: { 'content-type': 'application/json', 'if-match': seen.headers.get('etag') ?? '' },
          body: JSON.stringify({ note: 'Lo escribió otra persona' }),
        },
      })
      await page.getByRole('button', { name: 'Guardar' }).click()
      await page.getByText('Alguien lo cambió mientras usted editaba').waitFor()
      assert.match(complaints.pop() ?? '', /412/)
      await look('admin-conflict')
      await page.getByRole('button', { name: 'Guardar lo mío sobre lo actual' }).click()
      await page.getByText('Guardado').waitFor()

      const { body } = await api.ask('GET /api/v1/points/{point}', { path })
      assert.deepEqual([body.sensorDepthM, body.note], [70, 'Lo escribió otra persona'])
    })
  })

  test('fits a phone', async () => {
    await withPerson('phone', async ({ open, look }) => {
      for (const [name, path] of [
        ['clients', '/admin/clients'],
        ['client', '/admin/clients/campo'],
        ['points', '/admin/points'],
        ['point', '/admin/points/campo.los-aromos.pozo-7'],
        ['new-point', '/admin/new-point'],
        ['gateways', '/admin/gateways'],
        ['audit', '/admin/audit'],
      ] as const) {
        await open(path)
        await look(`admin-${name}`)
      }
    })
  })
})
