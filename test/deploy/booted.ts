// A real systemd over a folder with a Debian in it, in namespaces of its own: the first process there, with nothing of this
// machine but its network and its kernel.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { until } from '../doubles/until.ts'

/** Mounts what systemd wants below the root, then becomes it, without the right to set this machine's clock. */
const BOOT = `
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount -o bind,ro "$1/proc/sys" "$1/proc/sys"
mount --rbind /sys "$1/sys"
for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs "$1/$folder"; done
for name in null zero full random urandom tty; do touch "$1/dev/$name"; mount --bind "/dev/$name" "$1/dev/$name"; done
mkdir -p "$1/dev/shm"
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio chroot "$1" /lib/systemd/systemd --unit=multi-user.target
`

/** A Debian whose systemd runs. */
export interface Booted {
  /** What a program there says. */
  inside(...command: string[]): string
  /** What systemd knows of a unit. */
  show(unit: string, property: string): string
  /** Sends a signal to a unit's main process. */
  signal(unit: string, name: string): void
  close(): Promise<void>
}

/** Starts systemd over `root`; `undefined` where this machine does not let it. */
export async function boot(root: string): Promise<Booted | undefined> {
  const child = spawn(
    'unshare',
    ['-p', '-f', '-m', '--uts', '--cgroup', '--kill-child', 'sh', '-c', BOOT, 'boot', root],
    {
      stdio: 'ignore',
    },
  )
  const exited = once(child, 'close')
  const close = async () => {
    child.kill('SIGKILL')
    await exited
  }
  const first = () => {
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
    return children.split(' ')[0] ?? ''
  }
  const inside = (...command: string[]) => {
    const args = ['-t', first(), '-m', '-p', 'chroot', root, ...command]
    return spawnSync('nsenter', args, { encoding: 'utf8', timeout: 30_000 }).stdout
  }
  const show = (unit: string, property: string) =>
    inside('systemctl', 'show', unit, '--property', property, '--value').trim()
  try {
    await until(
      'systemd is there',
      () => child.exitCode !== null || show('multi-user.target', 'ActiveState') === 'active',
      { timeoutMs: 60_000 },
    )
  } catch {
    await close()
    return undefined
  }
  if (child.exitCode !== null) return undefined
  return {
    ...{ inside, show, close },
    signal: (unit, name) => void inside('systemctl', 'kill', '--kill-who=main', `--signal=${name}`, unit),
  }
}
