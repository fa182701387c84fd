// A process that owns an embedded database, until it is killed. Its one argument is the folder; it says its server's
// process id and URL on one line.

import { startEmbeddedPostgres } from '../../cloud/store/embedded.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'

const [dir] = process.argv.slice(2)
if (dir === undefined) throw new Error('Name a folder')
const server = await startEmbeddedPostgres({ clock: systemClock, log: silentLog }, { dir })
console.log(`${server.pid()} ${server.url}`)
setInterval(() => {}, 60_000)
