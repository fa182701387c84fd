// What somebody who has never seen it does after `npm start`: signs in, finds the well, looks at everything.
//
// The steps are here and not in a test file of their own, because the demonstration has its ports for itself.

import assert from 'node:assert/strict'
import { PAGES } from '../../cloud/web/pages.ts'
import { type Person, type SCREENS, type Site, weightOf, withBrowser } from './browser.ts'
import { bringSecondWell } from './second-well.ts'

const POINT = 'campo.los-aromos.pozo-7'
const SCRIPT_BYTES_MAX = 250_000

/** Signs in at a screen of this kind and looks at every page. Says what it measured. */
export function lookAtEverything(
  screen: keyof typeof SCREENS,
  site: Site,
  say: (line: string) => void,
): Promise<void> {
  return withBrowser(screen, site, async person => {
    await signIn(person, site)
    const { scriptBytes, firstPaintMs } = await weightOf(person.page)
    say(
      `${screen}: first paint after ${firstPaintMs} ms, ${Math.round(scriptBytes / 1000)} kB of script, compressed`,
    )
    assert.ok(scriptBytes > 0 && scriptBytes < SCRIPT_BYTES_MAX, `${scriptBytes} bytes of script`)
    await findWell(person)
    await seeDeclarations(person)
    await seeTroubles(person)
    await seeGateway(person)
    // What a newcomer does once, at a desk.
    if (screen === 'desk') await bringSecondWell(person)
    await seeAccount(person)
    await openEveryPage(person)
  })
}

async function signIn({ page, open, look, complaints }: Person, { email, password }: Site): Promise<void> {
  await open(`/points/${POINT}`)
  assert.match(page.url(), /\/sign-in\?next=/, 'who is not signed in is asked to')
  await look('sign-in')
  await page.getByLabel('Correo electrónico').fill(email)
  await page.getByLabel('Contraseña', { exact: true }).fill('not-the-password')
  await page.getByRole('button', { name: 'Ingresar', exact: true }).click()
  await page.getByRole('alert').waitFor()
  // The browser itself writes each refusal down.
  assert.equal(complaints.length, 1)
  assert.match(complaints.pop() ?? '', /401/)
  await look('sign-in-refused')
  await page.getByLabel('Contraseña', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Ingresar', exact: true }).click()
  await page.waitForURL(`**/points/${POINT}`)
}

async function findWell({ page, look }: Person): Promise<void> {
  await page.getByRole('link', { name: 'Resumen' }).first().click()
  await page.waitForURL('**/')
  const row = page.getByRole('row', { name: /Pozo 7/ })
  await row.getByText(/\d,\d\d\s?L\/s/).waitFor()
  await row.getByText('Al día').waitFor()
  await look('overview')
  await row.getByRole('link', { name: 'Pozo 7' }).click()
  await page.getByRole('heading', { level: 1, name: 'Pozo 7' }).waitFor()
  await page
    .getByRole('region', { name: 'Ahora' })
    .getByText(/\d,\d\d\s?L\/s/)
    .waitFor()
  await page.getByRole('img', { name: /Agua a .* bajo el suelo/ }).waitFor()
  assert.ok((await page.locator('.series canvas').count()) >= 3, 'flow, level and volume are drawn')
  await page.locator('.series-summary').first().waitFor()
  await look('point')
}

async function seeDeclarations({ page, look }: Person): Promise<void> {
  await page.getByRole('link', { name: 'Declaraciones DGA' }).click()
  const receipt = page.locator('.receipt').first()
  await receipt.waitFor()
  assert.match((await receipt.textContent()) ?? '', /^\S{8,}$/)
  const check = page.getByRole('link', { name: 'Consultar en la DGA' }).first()
  assert.match((await check.getAttribute('href')) ?? '', /^https:\/\/snia\.mop\.gob\.cl\/.*OB-0602-7$/)
  await look('declarations')
  await page.locator('.hour button').first().click()
  await page.getByRole('heading', { name: /Declaraciones: \d\d-\d\d \d\d:00/ }).waitFor()
}

async function seeTroubles({ page, look }: Person): Promise<void> {
  await page.getByRole('link', { name: 'Incidentes' }).click()
  await page.getByRole('heading', { level: 1, name: 'Incidentes' }).waitFor()
  await look('incidents')
  await page.getByRole('link', { name: 'Revisión DGA' }).click()
  await page.getByRole('heading', { level: 1, name: 'Revisión DGA' }).waitFor()
  await look('review')
}

async function seeGateway({ page, look }: Person): Promise<void> {
  await page.getByRole('link', { name: 'Gateways' }).first().click()
  await page.getByRole('link', { name: 'gw-campo-01' }).waitFor()
  await look('gateways')
  await page.getByRole('link', { name: 'gw-campo-01' }).click()
  await page.getByText('meter-7').waitFor()
  await look('gateway')
}

async function seeAccount({ page, look }: Person): Promise<void> {
  // In the hand it is behind the bar.
  const more = page.getByRole('button', { name: 'Más', exact: true })
  if (await more.isVisible()) await more.click()
  await page.getByRole('link', { name: 'Mi cuenta' }).click()
  await page.getByText('Esta sesión').waitFor()
  await look('account')
  await page.getByRole('radio', { name: 'Oscura' }).check()
  await page.getByRole('radio', { name: 'English' }).check()
  await page.getByRole('heading', { name: 'My account' }).waitFor()
  assert.equal(await page.evaluate('document.documentElement.lang'), 'en')
  await look('account-dark-english')
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').fill('pozo 8')
  await page.getByRole('option', { name: /Pozo 8/ }).waitFor()
  await look('palette')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Pozo 8' }).waitFor()
  await page.locator('.series-summary').first().waitFor()
  await look('point-dark-english')
}

/** What stands in addresses. */
const EXAMPLES: Readonly<Record<string, string>> = {
  point: POINT,
  gateway: 'gw-campo-01',
  work: 'OB-0602-7',
  rule: 'new',
  client: 'campo',
}

/** By its address, as from a bookmark. */
async function openEveryPage({ page, open, look }: Person): Promise<void> {
  // Nothing is imported here, and nobody is invited: other walks look at those.
  const isLookedAt = (one: string) =>
    !/^\/(sign-in|invitation|recovery)$|\{(import|incident|user)\}/.test(one)
  for (const path of PAGES.filter(isLookedAt)) {
    await open(path.replaceAll(/\{(\w+)\}/g, (_, name: string) => EXAMPLES[name] ?? assert.fail(name)))
    await page.getByRole('button', { name: 'Sign out' }).waitFor()
    assert.equal(await page.getByText('There is no such page').count(), 0, path)
    await look(`by-address${path.replaceAll(/\W+/g, '-')}`)
  }
}
