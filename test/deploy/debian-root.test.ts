// The package on a Debian that was made a moment ago: installed, started by systemd, upgraded, removed, purged.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ROOT } from '../../deploy/edge/root.ts'
import { skipUnlessRoot } from '../doubles/root.ts'
import { until } from '../doubles/until.ts'
import { skipWithout } from '../peers.ts'
import { boot } from './booted.ts'
import { builtPackage, run } from './unpacked.ts'

/** What is installed on any Debian with systemd, and the one library that Node wants besides. */
const INCLUDED = 'libatomic1,systemd'
const SUITE = 'bookworm'
const MIRROR = 'http://deb.debian.org/debian'
const NEXT = '99.0.0'
const PATIENCE = { timeoutMs: 60_000 }
/** A gateway whose cloud and whose meter are not there. */
const LONELY = `gateway: gw-1
client: campo
project: los-aromos
clock: trusted
uplink: { url: "mqtt://127.0.0.1:1", credentials: /var/lib/smarthydro/identity }
buffer: { path: /var/lib/smarthydro/buffer, maxBytes: 16MiB }
buses: [{ id: plant, tcp: { host: 127.0.0.1, port: 2 } }]
devices: [{ id: meter, bus: plant, unit: 1, profile: siemens-mag-6000, point: pozo-7, every: 1s }]
`

const skip = skipUnlessRoot('it makes a Debian of its own') || skipWithout('debootstrap', 'dpkg')

describe('the package in a fresh Debian', { skip, timeout: 290_000 }, () => {
  let folder: string
  let root: string
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'smarthydro-debian-'))
    // dpkg waits for the disk after each file, which a root that lives for a minute does not need.
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1g', 'tmpfs', folder])
    root = join(folder, 'root')
    run('debootstrap', ['--variant=minbase', `--include=${INCLUDED}`, SUITE, root, MIRROR])
    for (const version of [undefined, NEXT]) {
      const { deb } = await builtPackage('amd64', { level: 1, ...(version === undefined ? {} : { version }) })
      writeFileSync(join(root, version ?? 'first').concat('.deb'), deb.bytes)
    }
  })
  after(() => {
    spawnSync('umount', ['-R', folder])
    rmSync(folder, { recursive: true, force: true })
  })

  const inside = (...command: string[]) => run('chroot', [root, ...command])
  const exists = (path: string) => existsSync(join(root, path))
  const enabled = 'etc/systemd/system/multi-user.target.wants/smarthydro-edge.service'
  const buffer = 'var/lib/smarthydro/buffer/level'

  test('is installed by dpkg alone: a user of its own, enabled, and waiting for its configuration', () => {
    const said = inside('dpkg', '--install', '/first.deb')

    assert.match(said, /starts as soon as there is \/etc\/smarthydro\/gateway\.yaml/)
    assert.match(inside('id', 'smarthydro'), /groups=\d+\(smarthydro\),\d+\(dialout\)/)
    assert.match(inside('getent', 'passwd', 'smarthydro'), /:\/usr\/sbin\/nologin$/m)
    assert.match(inside('systemctl', 'is-enabled', 'smarthydro-edge'), /enabled/)
    assert.equal(inside('dpkg', '--verify', 'smarthydro-edge'), '')
    assert.equal(inside('stat', '--format', '%U %a', '/var/lib/smarthydro'), 'smarthydro 700\n')
    assert.equal(inside('stat', '--format', '%U:%G %a', '/etc/smarthydro'), 'root:smarthydro 2750\n')
  })

  test('its example is right, but for the token that an operator writes', () => {
    const example = '/usr/share/doc/smarthydro-edge/gateway.yaml'
    writeFileSync(join(root, 'var/lib/smarthydro/identity/token'), 'a-token')
    inside('chown', 'smarthydro:', '/var/lib/smarthydro/identity/token')

    assert.match(inside('smarthydro-edge', 'check', example), /^gw-campo-01 of campo\/los-aromos: 1 device/)
  })

  test('an upgrade keeps the buffer, the configuration and what an operator changed', () => {
    mkdirSync(join(root, buffer), { recursive: true })
    writeFileSync(join(root, buffer, '000003.log'), 'readings')
    writeFileSync(join(root, 'etc/smarthydro/gateway.yaml'), 'gateway: mine')
    appendFileSync(join(root, 'etc/default/smarthydro-edge'), 'NOVUS_TOKEN=secret\n')

    const said = inside('dpkg', '--install', `/${NEXT}.deb`)

    assert.match(said, /Unpacking smarthydro-edge \(99\.0\.0\) over/)
    assert.equal(inside('smarthydro-edge', '--version'), `${NEXT}\n`)
    assert.equal(readFileSync(join(root, buffer, '000003.log'), 'utf8'), 'readings')
    assert.equal(readFileSync(join(root, 'etc/smarthydro/gateway.yaml'), 'utf8'), 'gateway: mine')
    assert.match(readFileSync(join(root, 'etc/default/smarthydro-edge'), 'utf8'), /NOVUS_TOKEN=secret/)
  })

  test('is removed without a trace but for what belongs to the operator, and not started with the machine any more', () => {
    inside('dpkg', '--remove', 'smarthydro-edge')

    assert.deepEqual(
      [
        'usr/lib/smarthydro-edge',
        'usr/bin/smarthydro-edge',
        'usr/lib/udev/rules.d/70-smarthydro-edge.rules',
      ].filter(exists),
      [],
    )
    assert.equal(spawnSync('test', ['-L', join(root, enabled)]).status, 1)
    assert.ok(exists('etc/default/smarthydro-edge') && exists(buffer))
  })

  test('a purge keeps the buffer and what is needed to deliver it, and says how to give both up', () => {
    const said = inside('dpkg', '--purge', 'smarthydro-edge')

    assert.match(said, /Kept: \/var\/lib\/smarthydro, with readings that the cloud may not have yet/)
    assert.match(said, /rm -r \/var\/lib\/smarthydro \/etc\/smarthydro/)
    assert.equal(exists('etc/default/smarthydro-edge'), false)
    assert.equal(readFileSync(join(root, buffer, '000003.log'), 'utf8'), 'readings')
    assert.ok(exists('etc/smarthydro/gateway.yaml'))
    assert.equal(spawnSync('chroot', [root, 'dpkg', '--status', 'smarthydro-edge']).status, 1)
  })

  test('installed again, it goes on with the buffer that was kept', () => {
    inside('dpkg', '--install', '/first.deb')

    assert.equal(readFileSync(join(root, buffer, '000003.log'), 'utf8'), 'readings')
    assert.equal(inside('stat', '--format', '%U', '/var/lib/smarthydro'), 'smarthydro\n')
  })

  const lines = 'console=serial0,115200 console=tty1 root=PARTUUID=1 rootwait'
  const install = (...args: string[]) => inside('/bin/sh', '/install.sh', ...args, '/first.deb')

  test('install.sh --dry-run says what it would do on a Raspberry Pi, and changes nothing', () => {
    inside('dpkg', '--purge', 'smarthydro-edge')
    cpSync(join(ROOT, 'deploy/pi/install.sh'), join(root, 'install.sh'))
    mkdirSync(join(root, 'boot/firmware'), { recursive: true })
    writeFileSync(join(root, 'boot/firmware/cmdline.txt'), `${lines}\n`)
    writeFileSync(join(root, 'boot/firmware/config.txt'), 'arm_64bit=1\n')
    const files = () => run('find', [root, '-xdev', '-newer', join(root, 'install.sh'), '-type', 'f'])
    const before = files()

    const said = install('--dry-run')

    assert.match(said, /^would install smarthydro-edge \d/m)
    assert.match(said, /^would take the serial console out of \/boot\/firmware\/cmdline\.txt$/m)
    assert.match(said, /^would add 'dtparam=watchdog=on' to \/boot\/firmware\/config\.txt$/m)
    assert.match(said, /changes would be made; nothing was changed/)
    assert.equal(files(), before)
    assert.equal(exists('etc/systemd/system.conf.d/smarthydro.conf'), false)
  })

  test('install.sh makes a gateway of it, and run again finds nothing to do', () => {
    mkdirSync(join(root, 'var/lib/apt/lists/partial'), { recursive: true })
    cpSync('/etc/resolv.conf', join(root, 'etc/resolv.conf'))
    inside('apt-get', 'update', '--quiet')

    install()

    assert.match(inside('dpkg', '--status', 'smarthydro-edge'), /^Status: install ok installed$/m)
    assert.equal(
      readFileSync(join(root, 'boot/firmware/cmdline.txt'), 'utf8'),
      'console=tty1 root=PARTUUID=1 rootwait\n',
    )
    assert.equal(
      readFileSync(join(root, 'boot/firmware/config.txt'), 'utf8'),
      'arm_64bit=1\ndtparam=watchdog=on\nenable_uart=1\n',
    )
    assert.match(
      readFileSync(join(root, 'etc/systemd/system.conf.d/smarthydro.conf'), 'utf8'),
      /RuntimeWatchdogSec=15/,
    )
    const again = install()
    assert.match(again, /^Nothing was to be done\.$/m)
    assert.doesNotMatch(again, /Restart the machine/)
  })

  test('systemd starts it in its sandbox, leaves it alone while it lacks everything but its own movement, and starts it again when that ends', async context => {
    const unit = 'smarthydro-edge'
    writeFileSync(join(root, 'etc/smarthydro/gateway.yaml'), LONELY)
    symlinkSync('/dev/null', join(root, 'etc/systemd/system/chrony.service'))
    const dropIn = join(root, `etc/systemd/system/${unit}.service.d`)
    mkdirSync(dropIn, { recursive: true })
    writeFileSync(join(dropIn, 'test.conf'), '[Service]\nWatchdogSec=10\nRestartSec=1\n')
    rmSync(join(root, 'var/lib/smarthydro/buffer'), { recursive: true, force: true })
    const booted = await boot(root)
    if (booted === undefined)
      return context.diagnostic('this machine does not let a systemd of its own be started')
    try {
      await until('it is ready', () => booted.show(unit, 'ActiveState') === 'active', PATIENCE)
      await until(
        'it says how it is',
        () => /[1-9]\d* readings wait, the cloud is not connected/.test(booted.show(unit, 'StatusText')),
        PATIENCE,
      )
      assert.equal(booted.show(unit, 'NRestarts'), '0')
      assert.equal(
        booted.inside('stat', '--format', '%U %a', '/var/lib/smarthydro/buffer').trim(),
        'smarthydro 700',
      )

      booted.signal(unit, 'SIGSTOP')

      await until('it was started again', () => booted.show(unit, 'NRestarts') === '1', PATIENCE)
      await until('it is ready again', () => booted.show(unit, 'ActiveState') === 'active', PATIENCE)
      assert.match(booted.inside('journalctl', '--unit', unit, '--output', 'cat'), /Watchdog timeout/)
    } finally {
      await booted.close()
    }
  })
})

test('the scripts of the package and of its installation are without a finding of shellcheck', {
  skip: skipWithout('shellcheck'),
}, () => {
  const own = ['postinst', 'prerm', 'postrm', 'smarthydro-edge'].map(name => `deploy/edge/debian/${name}`)

  run(
    'shellcheck',
    ['deploy/pi/install.sh', ...own].map(path => join(ROOT, path)),
  )
})
