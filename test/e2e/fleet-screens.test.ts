// Enrolling and cutting off in a browser: a code for one gateway and for many, its labels, and revoking.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { buildWeb } from '../../deploy/web.ts'
import { fill } from '../cloud/api/content.ts'
import { type ApiScene, makeUser, openApiScene } from '../cloud/api/scene.ts'
import { skipWithout } from '../peers.ts'
import { type Person, type SCREENS, withBrowser } from './browser.ts'

const EMAIL = 'eva@example.cl'

describe('the fleet on screen', { skip: skipWithout('chromium') }, () => {
  let api: ApiScene
  let password = ''
  before(async () => {
    await buildWeb()
    api = await openApiScene()
    await fill(api)
    password = await makeUser(api.db, EMAIL, 'operator')
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

  test('a gateway gets a code with its label, and another one; revoking it wants its name and a reason', async () => {
    await withPerson('desk', async ({ page, open, look }) => {
      await open('/gateways/gw-campo')
      await page.getByRole('heading', { name: 'Identidad' }).waitFor()
      await look('gateway-identity')
      await page.getByRole('button', { name: 'Código de enrolamiento' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByRole('button', { name: 'Generar código' }).click()
      await dialog.getByText(/smarthydro-edge enroll --code \S{19} http/).waitFor()
      await look('gateway-code')
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        dialog.getByRole('button', { name: 'Descargar etiqueta (PDF)' }).click(),
      ])
      assert.equal(download.suggestedFilename(), 'gw-campo.pdf')
      assert.match(readFileSync(await download.path(), 'latin1'), /^%PDF-1/)
      await page.keyboard.press('Escape')
      await page.getByText('Código vigente hasta').waitFor()

      await page.getByRole('button', { name: 'Revocar' }).click()
      const confirm = dialog.getByRole('button', { name: 'Revocar' })
      await dialog.getByLabel('Motivo').fill('robada')
      assert.ok(await confirm.isDisabled())
      await dialog.getByRole('textbox').last().fill('gw-campo')
      await look('gateway-revoke')
      await confirm.click()
      await page.getByText('Revocado: no puede conectarse').waitFor()
      const [row] = await api.db.query<{ isCut: boolean }>(
        `select token_hash is null and revoked_at is not null as "isCut" from gateways where slug = 'gw-campo'`,
      )
      assert.equal(row?.isCut, true)
    })
  })

  test('many get codes at once, in the hand', async () => {
    await api.db.query(
      `insert into gateways (project_id, slug) select project_id, slug || '-' || n from gateways, generate_series(1, 30) n
       where slug = 'gw-otra'`,
    )
    await withPerson('phone', async ({ page, open, look }) => {
      await open('/gateways')
      await page.getByRole('button', { name: 'Códigos de enrolamiento' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('gw-otra-7 ').waitFor()
      await look('gateway-claims')
      await dialog.getByRole('button', { name: 'Generar códigos' }).click()
      await dialog.getByText('30 códigos nuevos').waitFor()
      await look('gateway-claims-drawn')
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        dialog.getByRole('button', { name: 'Descargar 30 etiquetas (PDF)' }).click(),
      ])
      assert.equal(download.suggestedFilename(), 'labels.pdf')
    })
  })
})
