// A process that declares, for tests that freeze it or kill it: rounds, one after another, against a real database and the
// double of DGA. Told in one argument, as JSON; says on its output what each round did.

import { openBreakers } from '../../cloud/compliance/breaker.ts'
import { openRestClient } from '../../cloud/compliance/dga/rest.ts'
import { openSoapClient } from '../../cloud/compliance/dga/soap.ts'
import { openPacer } from '../../cloud/compliance/pacer.ts'
import { COMPLIANCE_RULES, runRound } from '../../cloud/compliance/runner.ts'
import { openSecrets } from '../../cloud/compliance/secrets.ts'
import { COMPLIANCE_METRICS } from '../../cloud/compliance/service.ts'
import type { Database } from '../../cloud/store/database.ts'
import { openPostgres } from '../../cloud/store/postgres.ts'
import { keepWorking } from '../../cloud/work-loop.ts'
import { type Clock, systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'

/** What the process is told. */
export interface DeclareProcess {
  url: string
  restUrl: string
  soapUrl: string
  key: string
  leaseMs: number
  /** What its clock is ahead of the machine's. */
  aheadMs: number
  /** Freeze itself as soon as it has taken a slot, and before it asks DGA. */
  freezes: boolean
}

const told = JSON.parse(process.argv[2] ?? '{}') as DeclareProcess
const clock: Clock = { ...systemClock, now: () => systemClock.now() + told.aheadMs }
const db = openPostgres({ log: silentLog }, { url: told.url, poolMax: 4 })
const limits = { timeoutMs: 5_000 }
const deps = {
  ...{ clock, log: silentLog, metrics: openMetrics(COMPLIANCE_METRICS), breakers: openBreakers() },
  db: told.freezes ? freezing(db) : db,
  clients: {
    rest: openRestClient({ fetch }, { url: told.restUrl, limits }),
    soap: await openSoapClient({ fetch }, { url: told.soapUrl, limits }),
  },
  secrets: openSecrets(new Uint8Array(Buffer.from(told.key, 'base64'))),
  pacer: openPacer({ clock }, { everyMs: 0 }),
}
const rules = { ...COMPLIANCE_RULES, leaseMs: told.leaseMs }
process.stdout.write('ready\n')
const work = async (signal: AbortSignal) => {
  const round = await runRound(deps, rules, signal)
  process.stdout.write(`${JSON.stringify(round)}\n`)
  return false
}
await keepWorking({ clock: systemClock, log: silentLog }, { pollMs: 20 }, work, new AbortController().signal)

function freezing(within: Database): Database {
  return {
    ...within,
    async transaction(work, options) {
      const result = await within.transaction(work, options)
      const isTaken =
        typeof result === 'object' && result !== null && 'kind' in result && result.kind === 'taken'
      if (isTaken) process.kill(process.pid, 'SIGSTOP')
      return result
    },
  }
}
