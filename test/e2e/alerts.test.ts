// Incidents, rules, maintenance, channels and one's own notifications, in a browser, at a desk and in the hand.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '../doubles/until.ts'
import { skipWithout } from '../peers.ts'
import { type Person, type SCREENS, withBrowser } from './browser.ts'
import { type GrownSite, openGrownSite, WELL } from './grown-site.ts'

const SILENCE = {
  ...{ name: 'Pozo sin datos', condition: { kind: 'no_data', for: '1m' }, severity: 'critical' },
  ...{ notify: [{ email: 'guardia@campo.cl' }] },
  escalation: [{ after: '7d', notify: [{ email: 'jefa@campo.cl' }] }],
}

describe('the screens of incidents and alerts', { skip: skipWithout('chromium') }, () => {
  let site: GrownSite
  before(async () => {
    site = await openGrownSite({ days: 10 })
    await site.ask('POST', '/alert-rules', { client: 'campo', rule: SILENCE })
    await until(
      'both wells are silent',
      async () => (await site.ask('GET', '/incidents?kind=alert')).items?.length === 2,
      { timeoutMs: 120_000 },
    )
  })
  after(() => site.close())

  const withPerson = (screen: keyof typeof SCREENS, work: (person: Person) => Promise<void>) =>
    withBrowser(screen, site, async person => {
      const { page, open } = person
      await open('/sign-in')
      await page.getByLabel('Correo electrónico').fill(site.email)
      await page.getByLabel('Contraseña', { exact: true }).fill(site.password)
      await page.getByRole('button', { name: 'Ingresar', exact: true }).click()
      await page.getByRole('heading', { level: 1, name: 'Resumen' }).waitFor()
      await work(person)
    })

  test('let somebody find an incident, act on it, and read its story', async () => {
    await withPerson('desk', async ({ page, open, look }) => {
      await open('/incidents')
      await page.getByRole('link', { name: 'Pozo sin datos' }).first().waitFor()
      await look('incident-list')
      await page.getByRole('link', { name: 'Pozo sin datos' }).first().click()
      await page.getByRole('button', { name: 'Tomar conocimiento' }).click()
      await page.getByText('tomó conocimiento').waitFor()
      await page.getByLabel('Comentar').fill('El gateway quedó sin energía.\nVoy en camino.')
      await page.getByRole('button', { name: 'Comentar' }).click()
      await page.getByText('Voy en camino.').waitFor()
      await page.getByRole('button', { name: 'Asignar' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('A cargo de').fill(site.email)
      await page.getByRole('option', { name: new RegExp(site.email) }).click()
      await look('incident-assign')
      await dialog.getByRole('button', { name: 'Asignar' }).click()
      await page.getByText(`lo asignó a ${site.email}`).waitFor()
      await page.getByRole('button', { name: 'Silenciar' }).click()
      await dialog.getByRole('button', { name: 'Silenciar' }).click()
      await page.getByText('lo silenció hasta').waitFor()
      await page.getByRole('button', { name: 'Dejar de silenciar' }).click()
      await page.getByRole('button', { name: 'Escalar ahora' }).click()
      await page.getByText('escaló al paso 1').waitFor()
      await page.getByText('jefa@campo.cl').waitFor()
      await look('incident')
    })
  })

  test('let somebody acknowledge many at once', async () => {
    await site.ask('POST', '/alert-rules', {
      client: 'campo',
      rule: { ...SILENCE, name: 'Otra vez sin datos' },
    })
    await until(
      'both wells are silent twice',
      async () => (await site.ask('GET', '/incidents?kind=alert')).items?.length === 4,
      { timeoutMs: 120_000 },
    )
    await withPerson('phone', async ({ page, open, look }) => {
      await open('/incidents')
      await page.getByLabel('Elegir todos').check()
      await look('incident-bulk')
      await page
        .getByRole('region', { name: /elegidos/ })
        .getByRole('button', { name: 'Tomar conocimiento' })
        .click()
      await page.getByText(/Conocimiento tomado de \d incidentes/).waitFor()
      await page.getByRole('link', { name: 'Pozo sin datos' }).first().click()
      await page.getByText('empezó').waitFor()
      await look('incident')
    })
    const { items } = await site.ask('GET', '/incidents?state=open&acknowledged=false&kind=alert')
    assert.deepEqual(items, [])
  })

  for (const screen of ['desk', 'phone'] as const) {
    test(`let somebody write a rule, try it on history before, and change it (${screen})`, async () => {
      await withPerson(screen, async ({ page, open, look, complaints }) => {
        await open('/alerts/rules')
        await page.getByRole('link', { name: 'Nueva regla' }).click()
        await page.getByLabel('Nombre').fill(`Caudal alto ${screen}`)
        await page.getByLabel('Dónde').fill('pozo 7')
        await page.getByRole('option', { name: new RegExp(WELL) }).click()
        await page.getByLabel('Límite').fill('8')
        await page.getByLabel('Debe durar').fill('')
        await page.getByRole('button', { name: 'Probar' }).click()
        await page
          .getByText(/\d+ incidentes?, \d+ ve/)
          .first()
          .waitFor()
        await page.locator('.backtest-line').waitFor()
        await look('rule-backtest')
        await page.getByRole('button', { name: 'Agregar horario' }).click()
        await page.getByLabel('Correo de la persona').fill('ana@campo.cl')
        await page.getByRole('button', { name: 'Agregar', exact: true }).first().click()
        await page.getByLabel('Si vuelve dentro de, es el mismo incidente').fill('pronto')
        await page.getByRole('button', { name: 'Guardar regla' }).click()
        await page.locator('.field-wrong').first().waitFor()
        // The browser itself writes each refusal down.
        assert.match(complaints.pop() ?? '', /400/)
        await look('rule-wrong')
        await page.getByLabel('Si vuelve dentro de, es el mismo incidente').fill('2h')
        await page.getByRole('button', { name: 'Guardar regla' }).click()
        await page.getByRole('link', { name: `Caudal alto ${screen}` }).click()
        await page.getByText('la creó').waitFor()
        await look('rule')
        await page.getByRole('button', { name: 'Eliminar la regla' }).click()
        await page.getByRole('dialog').getByRole('button', { name: 'Eliminar la regla' }).click()
        await page.getByRole('heading', { level: 1, name: 'Reglas' }).waitFor()
        await look('rules')
      })
    })
  }

  for (const screen of ['desk', 'phone'] as const) {
    test(`let somebody announce maintenance, make a channel, and say how to be told (${screen})`, async () => {
      await withPerson(screen, async ({ page, open, look }) => {
        await open('/alerts/maintenance')
        await page.getByRole('button', { name: 'Nueva mantención' }).click()
        const dialog = page.getByRole('dialog')
        await dialog.getByLabel('Motivo').fill(`Cambio de bomba ${screen}`)
        await look('maintenance-new')
        await dialog.getByRole('button', { name: 'Nueva mantención' }).click()
        await page.getByText(`Cambio de bomba ${screen}`).waitFor()
        await look('maintenance')
        await page.getByRole('button', { name: 'Terminar ahora' }).click()
        await page.getByText(`Cambio de bomba ${screen}`).waitFor({ state: 'detached' })
        await open('/alerts/channels')
        await page.getByRole('button', { name: 'Nuevo canal' }).click()
        await dialog.getByLabel('Nombre').fill(`SMS ${screen}`)
        await dialog.getByLabel('Tipo').selectOption('Proveedor por HTTP')
        await dialog.getByLabel('Dirección').fill('https://sms.invalid/v1/messages')
        await dialog.getByLabel('Cabeceras').fill('Authorization: Bearer {{secret}}')
        await dialog.getByLabel('Secreto').fill('una-clave-del-proveedor')
        await look('channel-new')
        await dialog.getByRole('button', { name: 'Guardar' }).click()
        await page.getByRole('button', { name: `Enviar prueba SMS ${screen}` }).click()
        await dialog.getByLabel('A dónde').fill('+56 9 8765 4321')
        await dialog.getByRole('button', { name: 'Enviar prueba' }).click()
        await page
          .getByText(/ENOTFOUND|EAI_AGAIN/)
          .first()
          .waitFor()
        await look('channels')
        await open('/notifications')
        await page.getByLabel('Resumen').selectOption('Uno al día')
        await page.getByRole('button', { name: 'Agregar horario' }).click()
        await page.getByRole('button', { name: 'Guardar' }).click()
        await page.getByText('Preferencias guardadas').waitFor()
        await page.getByRole('button', { name: 'Enviarme una prueba' }).click()
        await page.getByText('No mail server is configured').first().waitFor()
        await look('notifications')
      })
    })
  }
})
