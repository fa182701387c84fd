// A newcomer brings a second well live: with the wizard, from an instrument that nobody reads to a declaration in shadow.

import assert from 'node:assert/strict'
import type { Person } from './browser.ts'

/** Where the spare instrument of the demonstration listens, and what its registers hold. */
const PORT = '5509'
const REGISTERS = [
  ['flow', '0', 'float32'],
  ['total', '2', 'float64'],
  ['level', '6', 'float32'],
] as const

/** What the well is called. */
export interface Named {
  point: string
  device: string
  workCode: string
}

const SECOND: Named = { point: 'pozo-10', device: 'meter-10', workCode: 'OB-0602-9' }

/** Brings it live; `look` holds each screen to what is wanted of all. */
export async function bringSecondWell(person: Person, well = SECOND): Promise<void> {
  if (well === SECOND) await adoptConfiguration(person)
  await describeWell(person, well)
  await tryInstrument(person, well)
  await makeWell(person)
  await seeRegisters(person)
}

/** The gateway runs with a file of its own until somebody adopts it. */
async function adoptConfiguration({ page, open, look }: Person): Promise<void> {
  await open('/gateways/gw-campo-01/configuration')
  await page.getByText('Con su propio archivo').waitFor()
  await look('configuration-own-file')
  await page.getByRole('button', { name: 'Adoptar el archivo' }).click()
  await page.getByLabel('Motivo del cambio').fill('Se administra desde la nube')
  await page.getByRole('dialog').getByRole('button', { name: 'Adoptar el archivo' }).click()
  await page.locator('.badge', { hasText: 'A prueba' }).waitFor()
  const text = page.getByLabel('Documento YAML')
  const document = await text.inputValue()
  await text.fill(document.replace('bus: pozo-7', 'bus: pozo-77'))
  await page.getByText('no bus has the id "pozo-77"').waitFor()
  await look('configuration-mistake')
  await text.fill(document)
}

async function describeWell({ page, open, look }: Person, { point, device }: Named): Promise<void> {
  await open('/wizard')
  await look('wizard-place')
  await page.getByLabel('Gateway', { exact: true }).selectOption('gw-campo-01')
  await page.getByLabel('Identificador del pozo').fill(point)
  await page.getByLabel('Nombre', { exact: true }).fill('Pozo 10')
  await page.getByLabel('Profundidad de la sonda').fill('70')
  await page.getByRole('button', { name: 'Siguiente' }).click()
  await page.getByLabel('Dirección IP o nombre').fill('127.0.0.1')
  await page.getByLabel('Puerto', { exact: true }).fill(PORT)
  await page.getByLabel('Nombre del equipo').fill(device)
  await page.getByLabel('Leer cada').selectOption('1s')
  for (const [index, [variable, address, type]] of REGISTERS.entries()) {
    await page.getByRole('button', { name: 'Agregar registro' }).click()
    const row = page.locator('.wizard-signal').nth(index)
    await row.getByLabel('Variable').selectOption(variable)
    await row.getByLabel('Dirección').fill(address)
    await row.getByLabel('Tipo').selectOption(type)
  }
  await look('wizard-instrument')
  // Left and taken up again.
  await open('/')
  await open('/wizard')
  assert.equal(await page.getByLabel('Nombre del equipo').inputValue(), device)
  await page.getByRole('button', { name: 'Siguiente' }).click()
}

async function tryInstrument({ page, look }: Person, { workCode }: Named): Promise<void> {
  await page.getByRole('button', { name: 'Leer por el gateway ahora' }).click()
  const flow = page.getByRole('row', { name: /Caudal/ })
  await flow.getByText(/\d,\d+\s*L\/s/).waitFor()
  await page.getByLabel('Los valores coinciden con la pantalla').check()
  await look('wizard-test')
  await page.getByRole('button', { name: 'Siguiente' }).click()
  await page.getByLabel('Código de obra').fill(workCode)
  await page.getByLabel('Informante').selectOption({ index: 1 })
  await look('wizard-declaration')
  await page.getByRole('button', { name: 'Siguiente' }).click()
}

async function makeWell({ page, look }: Person): Promise<void> {
  await page.getByText('Sigue sin corte').waitFor()
  await look('wizard-make')
  await page.getByRole('button', { name: 'Poner en marcha' }).click()
  await page.getByText('El pozo está en marcha').first().waitFor()
  await page
    .getByText(/\d,\d\d L\/s/)
    .first()
    .waitFor()
  await look('wizard-made')
  await page.getByRole('button', { name: 'Comenzar a declarar' }).click()
  await page.getByLabel('Motivo', { exact: true }).fill('Valores revisados en terreno')
  await page.getByRole('dialog').getByRole('button', { name: 'Comenzar a declarar' }).click()
  await page.getByText('Desde ahora se declara').first().waitFor()
  await look('wizard-live')
}

async function seeRegisters({ page, open, look }: Person): Promise<void> {
  await open('/gateways/gw-campo-01/registers')
  await page.getByRole('button', { name: 'Leer cada segundo' }).click()
  await page.getByRole('row').nth(5).waitFor()
  await page.getByRole('button', { name: 'Detener' }).click()
  await look('registers')
  await open('/gateways/gw-campo-01')
  await page.getByText('Probar equipo').first().waitFor()
  await look('gateway-commands')
}
