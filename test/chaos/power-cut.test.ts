// Power cuts: an ext4 file system in a file, copied while a process writes to it. What was not synced is not in the copy.
//
// The writer is stopped for the moment of the copy, because a power cut has no duration; what the kernel still held in
// memory is lost, as it would be. The copy is then mounted, which replays its journal, and the buffer opened on it.
// POWER_CUTS=1000 node --test test/chaos/power-cut.test.ts makes more of them.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { copyFile, mkdir, readdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { skipUnlessRoot } from '../doubles/root.ts'
import { assertKept, nothingConfirmed, takeLines } from '../edge/buffer/confirmed.ts'
import { atEnd, openTestBuffer, temporaryFolder } from '../edge/buffer/folder.ts'
import { sayFigures } from './figures.ts'

const CUTS = Number(process.env.POWER_CUTS ?? 10)
/** A writer is killed and its disk made anew after so many cuts, so that beginnings are cut as well. */
const CUTS_PER_DISK = 5
const IMAGE_BYTES = 64 * 2 ** 20
/** More groups than a writer gets to: the times of what it measures must end before those of the format do. */
const SEEDS_PER_DISK = 20_000

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stderr}`)
}

/** Mounts an image; unmounted when the test is over at the latest. */
async function mounted(t: TestContext, image: string, folder: string): Promise<() => void> {
  await mkdir(folder, { recursive: true })
  run('mount', '-o', 'loop', image, folder)
  let open = true
  const unmount = () => {
    if (open) run('umount', folder)
    open = false
  }
  atEnd(t, unmount)
  return unmount
}

test(`${CUTS} power cuts lose no confirmed reading, and the buffer opens unattended each time (B1, B2, B7)`, {
  skip: skipUnlessRoot('mounts an ext4 image'),
  timeout: 30_000 + CUTS * 10_000,
}, async t => {
  const folder = await temporaryFolder(t)
  let looked = 0
  for (let disk = 0; disk * CUTS_PER_DISK < CUTS; disk += 1) {
    const image = join(folder, 'disk.img')
    await writeFile(image, '')
    await truncate(image, IMAGE_BYTES)
    run('mkfs.ext4', '-q', '-F', image)
    const unmount = await mounted(t, image, join(folder, 'disk'))
    const writer = join(import.meta.dirname, '../edge/buffer/writer.ts')
    const child = spawn(process.execPath, [
      writer,
      join(folder, 'disk', 'buffer'),
      String(disk * SEEDS_PER_DISK),
    ])
    atEnd(t, () => child.kill('SIGKILL'))
    let said = ''
    child.stdout.on('data', chunk => {
      said += chunk
    })
    child.stderr.on('data', chunk => t.diagnostic(String(chunk)))
    for (let cut = 0; cut < CUTS_PER_DISK && disk * CUTS_PER_DISK + cut < CUTS; cut += 1) {
      const target = said.length + 200 + ((disk * 7 + cut * 13) % 29) * 60
      await until(child, () => said.length >= target)
      looked += await cutOnce(t, {
        child,
        image,
        folder,
        said: () => said,
        number: disk * CUTS_PER_DISK + cut,
      })
    }
    child.kill('SIGKILL')
    await until(child, () => child.exitCode !== null || child.signalCode !== null)
    unmount()
  }
  const unit = `of ${looked.toLocaleString('en-US')}`
  sayFigures(t, [{ name: `chaos: ${CUTS} power cuts, confirmed readings lost`, value: 0, unit }])
})

/** One cut: copies the image as it is, mounts the copy, and looks for everything that was confirmed. */
async function cutOnce(
  t: TestContext,
  cut: { child: ChildProcess; image: string; folder: string; said: () => string; number: number },
): Promise<number> {
  const copy = join(cut.folder, 'copy.img')
  cut.child.kill('SIGSTOP')
  await stopped(cut.child)
  // What stands in the pipe was confirmed before the stop.
  await new Promise(resolve => setTimeout(resolve, 20))
  const said = cut.said()
  await copyFile(cut.image, copy)
  cut.child.kill('SIGCONT')

  const confirmed = nothingConfirmed()
  takeLines(confirmed, said)
  const place = join(cut.folder, 'copy')
  const unmount = await mounted(t, copy, place)
  const buffer = await openTestBuffer(t, join(place, 'buffer'))
  const looked = await assertKept(buffer, confirmed)
  const aside = (await readdir(join(place, 'buffer'))).filter(name => name.startsWith('damaged-'))
  assert.deepEqual(aside, [])
  await buffer.close()
  unmount()
  return looked
}

/** Waits until a stopped process has really stopped: every thread of it. */
async function stopped(child: ChildProcess): Promise<void> {
  const isStopped = () => {
    const { stdout } = spawnSync('ps', ['-L', '-o', 'stat=', '-p', String(child.pid)], { encoding: 'utf8' })
    const states = stdout.trim().split('\n')
    return states.every(state => /^[TtD]/.test(state.trim()))
  }
  await until(child, isStopped)
}

/** Waits for a condition, for at most 30 s. */
async function until(child: ChildProcess, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!condition()) {
    assert.ok(Date.now() < deadline, `did not come true within 30 s; writer: ${child.exitCode}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}
