// A program of ours in a process of its own, as people run it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A program that runs. */
export interface Program {
  pid: number
  /** What it wrote so far, on both outputs. */
  text(): string
  /** The whole lines of its log so far; other lines are left out. */
  log(): Record<string, unknown>[]
  /** Its exit status; null after a signal. */
  exited: Promise<number | null>
  kill(signal: NodeJS.Signals): void
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Starts `edge` or `cloud`, in a folder, with nothing in its environment but what is given. */
export function startProgram(
  side: 'edge' | 'cloud',
  args: readonly string[],
  { cwd = ROOT, env = {} }: { cwd?: string; env?: Record<string, string> } = {},
): Program {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, [`${ROOT}/${side}/cli.ts`, ...args], {
    ...{ cwd, env: { PATH, HOME, ...env } },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  }
  return {
    pid: child.pid ?? 0,
    text: () => text,
    log: () =>
      text
        .split('\n')
        .slice(0, -1)
        .filter(line => line.startsWith('{'))
        .map(line => JSON.parse(line)),
    exited: once(child, 'close').then(([code]) => code),
    kill: signal => void child.kill(signal),
  }
}
