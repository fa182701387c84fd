// A site for tests of the whole program: a folder with a configuration and an identity, and the program as a child.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { until } from '../doubles/until.ts'
import { atEnd } from './buffer/folder.ts'

/** The program's source. */
export const CLI = new URL('../../edge/cli.ts', import.meta.url).pathname

/** A folder on site. */
export interface Site {
  folder: string
  file: string
}

/** What differs between sites. */
export interface SiteOptions {
  /** The port of the instrument. */
  instrument: number
  cloudUrl: string
  /** Where the site lies; a new folder if absent. */
  folder?: string
  every?: string
  /** More lines of the configuration. */
  more?: string
}

/** Makes a site with one meter of four signals. It is gone when the test is over. */
export function makeSite(
  context: TestContext,
  { instrument, cloudUrl, folder = newFolder(context), every = '100ms', more = '' }: SiteOptions,
): Site {
  mkdirSync(join(folder, 'identity'), { recursive: true })
  writeFileSync(join(folder, 'identity', 'token'), 'a-token-nobody-may-see\n')
  const file = join(folder, 'gateway.yaml')
  writeFileSync(
    file,
    `gateway: gw-test
client: campo
project: los-aromos
uplink: { url: "${cloudUrl}", credentials: ./identity, minReadings: 8, maxDelay: 500ms, ackTimeout: 2s }
buffer: { path: ./buffer, maxBytes: 16MiB }
buses: [{ id: plant, tcp: { host: 127.0.0.1, port: ${instrument} }, timeout: 300ms }]
devices:
  - id: meter
    bus: plant
    point: pozo-7
    every: ${every}
    signals:
      - { variable: flow, address: 0, type: float32, decimals: 2 }
      - { variable: total, address: 2, type: float64, decimals: 2 }
      - { variable: level, address: 6, type: float32, decimals: 2 }
      - { variable: pulses, address: 8, type: uint32 }
${more}`,
  )
  return { folder, file }
}

function newFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-program-'))
  atEnd(context, () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The program, running. */
export interface Program {
  child: ChildProcess
  /** Every event of its log so far. */
  log: () => Record<string, unknown>[]
  said: (event: string) => Record<string, unknown>[]
  text: () => string
  exited: Promise<number | null>
}

/** Runs the program from its sources; with `launcher`, through that file and from `cwd`. */
export function runProgram(
  context: TestContext,
  args: readonly string[],
  {
    launcher = CLI,
    cwd,
    environment = {},
  }: { launcher?: string; cwd?: string; environment?: Record<string, string> } = {},
): Program {
  const child = spawn(process.execPath, [launcher, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
    ...(cwd === undefined ? {} : { cwd }),
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  }
  const exited = once(child, 'close').then(([code]) => code as number | null)
  atEnd(context, async () => {
    child.kill('SIGKILL')
    await exited
  })
  const log = () =>
    text
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as Record<string, unknown>)
  const said = (event: string) => log().filter(line => line.event === event)
  return { child, log, said, text: () => text, exited }
}

/** Stops the program as its supervisor does, and expects it to end well. */
export async function stopProgram({ child, exited, text }: Program): Promise<void> {
  child.kill('SIGTERM')
  assert.equal(await exited, 0, text())
}

/** Where the program serves its status, once it does. */
export async function statusOf(port: number): Promise<{ code: number; body: Record<string, unknown> }> {
  const response = await fetch(`http://127.0.0.1:${port}/health`)
  return { code: response.status, body: (await response.json()) as Record<string, unknown> }
}

/** Resolves when the program said so. */
export async function untilSaid(program: Program, event: string, times = 1): Promise<void> {
  await until(`it said "${event}"`, () => program.said(event).length >= times)
}
