// A person at a browser, who looks at every screen: what is in the console, what axe finds, what does not fit.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { until } from '../doubles/until.ts'

/** Where the pages are, and who signs in. */
export interface Site {
  url: string
  email: string
  password: string
}

/** A person, signed in or about to. */
export interface Person {
  page: Page
  /** Goes to a page by its address and waits until it has settled. */
  open(path: string): Promise<void>
  /** Holds the screen that is shown to all that is wanted of every screen; `name` is that of its picture. */
  look(name: string): Promise<void>
  /** What is in the console and should not be. */
  complaints: string[]
}

/** How large a screen is, and how it is touched. */
export const SCREENS = {
  desk: { viewport: { width: 1440, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
} as const

/** A machine that does much else is slow, not wrong. */
const WAIT_MS = 60_000

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

/** Set to a folder: every screen that is looked at is kept there as a picture. */
const PICTURES = process.env.SCREENSHOTS

/** Runs `work` with a browser of Debian's that is closed in the end. */
export async function withBrowser(
  screen: keyof typeof SCREENS,
  { url }: Site,
  work: (person: Person) => Promise<void>,
): Promise<void> {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
  try {
    const context = await browser.newContext({ ...SCREENS[screen], locale: 'es-CL', baseURL: url })
    await work(await openPerson(context, screen))
  } finally {
    await browser.close()
  }
}

async function openPerson(context: BrowserContext, screen: string): Promise<Person> {
  context.setDefaultTimeout(WAIT_MS)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', error => complaints.push(String(error.stack ?? error)))
  page.on('request', request => {
    const from = new URL(request.url()).origin
    if (from !== new URL(page.url()).origin && page.url() !== 'about:blank') complaints.push(`asked ${from}`)
  })
  return {
    page,
    complaints,
    async open(path) {
      await page.goto(path)
      await settled(page)
    },
    async look(name) {
      await settled(page)
      assert.deepEqual(await faultsOf(page), [], `axe at ${name}, ${screen}`)
      assert.equal(await page.evaluate(OVERFLOW), 0, `${name} is wider than a ${screen}`)
      assert.deepEqual(complaints, [], `the console at ${name}, ${screen}`)
      if (PICTURES === undefined) return
      mkdirSync(PICTURES, { recursive: true })
      await page.screenshot({ path: join(PICTURES, `${screen}-${name}.png`) })
    },
  }
}

/** How much of the page is beyond the right edge of the screen. */
const OVERFLOW = 'document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth'

const SETTLED = `document.querySelector('.skeleton') === null && document.fonts.status === 'loaded'`

/** Nothing is on its way any more: there is a heading, and no placeholder. */
async function settled(page: Page): Promise<void> {
  await page.waitForSelector('h1')
  await until('the page has settled', () => page.evaluate(SETTLED), { timeoutMs: WAIT_MS })
}

/** What axe holds to be serious or worse. */
async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(`if (window.axe === undefined) { ${AXE} }`)
  const found = (await page.evaluate(`axe.run({ runOnly: ${JSON.stringify(RULES)} })`)) as {
    violations: { id: string; impact: string; nodes: { html: string }[] }[]
  }
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)
}

/** How much script the page has fetched, compressed, and when it first drew something. */
export async function weightOf(page: Page): Promise<{ scriptBytes: number; firstPaintMs: number }> {
  return (await page.evaluate(`({
    scriptBytes: performance.getEntriesByType('resource')
      .filter(one => new URL(one.name).pathname.endsWith('.js'))
      .reduce((total, one) => total + one.encodedBodySize, 0),
    firstPaintMs: Math.round(performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0),
  })`)) as { scriptBytes: number; firstPaintMs: number }
}
