// Every screen of a site that has run for months, at a desk and in the hand: what is on it, and that nothing is wrong with it.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { skipWithout } from '../peers.ts'
import { type Person, type SCREENS, withBrowser } from './browser.ts'
import { type GrownSite, openGrownSite, WELL } from './grown-site.ts'

describe('the screens of a site that has grown', { skip: skipWithout('chromium') }, () => {
  let site: GrownSite
  before(async () => {
    site = await openGrownSite({ days: 45 })
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

  for (const screen of ['desk', 'phone'] as const) {
    test(`shows what follows from the readings (${screen})`, async () => {
      await withPerson(screen, async ({ page, open, look }) => {
        await open(`/points/${WELL}/analysis`)
        await page.getByRole('figure', { name: /Extraído en el año/ }).waitFor()
        await page.getByRole('table').locator('td[title^="Lunes, 8:00"]').waitFor()
        await look('analysis')
        await page.getByRole('button', { name: 'Ver como tabla' }).click()
        await page.getByRole('cell', { name: '100 %' }).first().waitFor()
        await look('analysis-table')
        await open('/balances')
        await page.getByRole('link', { name: 'Pozo 8' }).waitFor()
        await look('balances')
      })
    })
  }

  test('shows how values are made, adds a rule, and computes again what that changes, once it was seen', async () => {
    await withPerson('desk', async ({ page, open, look, complaints }) => {
      await open(`/points/${WELL}/processing`)
      await page.getByText('Partió de nuevo').waitFor()
      await look('processing')
      await page.getByRole('button', { name: 'Nueva regla' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('Regla').selectOption('Nivel a nivel freático')
      const from = await dialog.getByLabel('Desde').inputValue()
      await dialog.getByLabel('Desde').fill(`${from.slice(0, 4)}-01-01T00:00`)
      await dialog.getByLabel('Profundidad del sensor').fill('0')
      await dialog.getByRole('button', { name: 'Agregar la regla' }).click()
      await dialog.locator('.field-wrong').waitFor()
      // The browser itself writes each refusal down.
      assert.match(complaints.pop() ?? '', /400/)
      await look('rule-wrong')
      await dialog.getByLabel('Profundidad del sensor').fill('81,5')
      await dialog.getByRole('button', { name: 'Agregar la regla' }).click()
      await page.getByText('Regla agregada').waitFor()
      await page.getByText('81,5 m').first().waitFor()
      await page.getByRole('button', { name: 'Ver qué cambiaría' }).click()
      const row = page.getByRole('row', { name: /Nivel freático.*\+1,50/ }).first()
      await row.waitFor()
      await look('recomputation')
      await page.getByLabel('Motivo del recálculo').fill('Sonda medida de nuevo')
      await page.getByRole('button', { name: 'Ejecutar el recálculo' }).click()
      await page.getByText('Sonda medida de nuevo').waitFor()
      await page.getByRole('button', { name: 'Ver qué cambiaría' }).click()
      await page.getByText('Nada cambiaría').waitFor()
    })
  })

  test('shows what is owed and what became of it, and lets an operator change, stop and decide', async () => {
    await withPerson('desk', async ({ page, open, look }) => {
      await open('/dga')
      await page.getByText('Declarando').waitFor()
      await look('works')
      await page.getByRole('link', { name: 'OB-0602-7' }).click()
      const packed = page.waitForEvent('download')
      await page
        .getByRole('link', { name: /Descargar/ })
        .first()
        .click()
      await page.getByLabel('Archivo del paquete').setInputFiles(await (await packed).path())
      await page.getByText('coinciden con sus sumas').waitFor()
      await look('work')
      await page.getByRole('button', { name: 'Cambiar la obligación' }).click()
      await page.getByLabel('Cada cuánto').selectOption('Cada 6 horas')
      await page.getByLabel('Motivo del cambio').fill('Res. Ex. 123/2026')
      await look('obligation')
      await page.getByRole('button', { name: 'Ver qué cambiaría' }).click()
      await page.getByText('Próximas horas').waitFor()
      await look('obligation-preview')
      await page.getByRole('button', { name: 'Escribir el cambio' }).click()
      await page.getByRole('row', { name: /Res. Ex. 123/ }).waitFor()
      await page.goto('/dga/reconciliation')
      await page.getByRole('row', { name: /OB-0602-7/ }).waitFor()
      await look('reconciliation')
    })
    await withPerson('phone', async ({ page, open, look }) => {
      await open('/dga/faults')
      await page.getByRole('button', { name: 'Declarar falla' }).click()
      await page.getByLabel('Punto').fill('pozo 7')
      await page.getByRole('option', { name: /Pozo 7/ }).click()
      await page.getByLabel('Qué le pasa').fill('Cable cortado')
      await look('fault')
      await page.getByRole('button', { name: 'Declarar', exact: true }).click()
      await page.getByText('Cable cortado').waitFor()
      await look('faults')
      await page.getByRole('button', { name: 'Está reparado' }).click()
      await page.getByLabel('Qué se hizo').fill('Cable nuevo')
      await page.getByRole('dialog').getByRole('button', { name: 'Está reparado' }).click()
      await page.getByText('Reparado', { exact: true }).waitFor()
      await open('/dga/sending')
      await page.getByRole('button', { name: 'Detener el envío' }).first().click()
      await page.getByLabel('Motivo').fill('La DGA lo pidió')
      await look('stop')
      await page.getByRole('dialog').getByRole('button', { name: 'Detener el envío' }).click()
      await page.getByRole('button', { name: 'Reanudar el envío' }).waitFor()
      await look('sending')
      await page.getByRole('button', { name: 'Reanudar el envío' }).click()
      await page.getByLabel('Motivo').fill('Ya está')
      await page.getByRole('dialog').getByRole('button', { name: 'Reanudar el envío' }).click()
      await page.getByText('Enviando').first().waitFor()
      await open(`/points/${WELL}/dga`)
      await page.getByRole('combobox', { name: 'Estado' }).selectOption('En revisión')
      // Until the answer is there, the declarations of before are shown.
      await page.locator('tr', { hasText: 'En revisión' }).first().locator('.row-button').click()
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('Qué hacer').selectOption('Rechazar')
      await dialog.getByLabel('Motivo').fill('Medidor en reparación')
      await look('slot')
      await dialog.getByRole('button', { name: 'Hacerlo' }).click()
      await dialog.getByText('Medidor en reparación', { exact: false }).waitFor()
    })
  })

  for (const screen of ['desk', 'phone'] as const) {
    test(`shows a well with its levels, the readings behind a chart, and series on one axis (${screen})`, async () => {
      await withPerson(screen, async ({ page, open, look }) => {
        await open(`/points/${WELL}`)
        await page.getByRole('radio', { name: 'Semana' }).check()
        await page.locator('.series-summary').nth(1).waitFor()
        await page.getByRole('img', { name: /Agua a .* bajo el suelo/ }).waitFor()
        await look('point-week')
        await page.getByRole('button', { name: 'Ver lecturas' }).nth(1).click()
        await page.getByRole('radio', { name: 'Sin valor o dudosas' }).check()
        await page.getByText('Fuera de rango').first().waitFor()
        await look('readings')
        await page.keyboard.press('Escape')
        await page.getByRole('button', { name: 'Exportar' }).click()
        const sheet = page.waitForEvent('download')
        await page.getByRole('menuitem', { name: /Excel/ }).click()
        assert.match((await sheet).suggestedFilename(), /^pozo-7-.*\.xlsx$/)
        await page.getByRole('link', { name: 'Comparar' }).last().click()
        await page.getByRole('heading', { level: 1, name: 'Comparar' }).waitFor()
        await page.getByLabel('Punto').fill('pozo 8')
        await page.getByRole('option', { name: /Pozo 8/ }).click()
        await page.getByRole('button', { name: 'Agregar' }).click()
        await page.getByRole('application', { name: /Pozo 7, Caudal, Pozo 8, Caudal/ }).waitFor()
        assert.match(decodeURIComponent(page.url()), /pozo-7:flow.*pozo-8:flow/)
        await look('compare')
        await page.reload()
        await page.getByRole('button', { name: 'Quitar Pozo 8, Caudal' }).click()
        await page.getByRole('application', { name: /^Pozo 7, Caudal, del/ }).waitFor()
      })
    })
  }

  test('uploads a file, says where its mistakes are, stores what is right, and takes it out again', async () => {
    await withPerson('phone', async ({ page, open, look }) => {
      await open('/imports')
      await page.getByText('Guardada').first().waitFor()
      await look('imports')
      const upload = async (name: string, lines: readonly string[]) => {
        await page.getByLabel('Punto').fill('pozo 8')
        await page.getByRole('option', { name: /Pozo 8/ }).click()
        const file = { name, mimeType: 'text/csv', buffer: Buffer.from(lines.join('\n')) }
        await page.getByLabel('Archivo CSV').setInputFiles(file)
        await page.getByRole('button', { name: 'Subir y revisar' }).click()
      }
      await upload('mala.csv', ['at,flow', '2024-01-01 00:00,1.5', '2024-01-32 00:00,2.5'])
      const mistake = page.getByRole('row', { name: /2024-01-32/ })
      await mistake.waitFor()
      assert.match((await mistake.textContent()) ?? '', /3.*at/, 'the line and the column')
      await look('import-refused')
      await open('/imports')
      await upload('buena.csv', ['at,flow', '2024-01-01 00:00,1.5', '2024-01-01 01:00,2.5'])
      const store = page.getByRole('button', { name: 'Guardar las lecturas' })
      await store.waitFor()
      assert.ok(await store.isDisabled(), 'what was assumed is not accepted yet')
      await look('import-to-confirm')
      await page.getByLabel('Acepto que la hora sea esa').check()
      await store.click()
      await page.getByText('Nuevas').waitFor()
      await look('import-done')
      await page.getByRole('button', { name: 'Deshacer' }).click()
      await look('import-undo')
      await page.getByRole('dialog').getByRole('button', { name: 'Deshacer' }).click()
      await page.getByText('Deshecha').waitFor()
    })
  })
})
