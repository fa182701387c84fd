// Verifying the evidence: every chain from its first row to its end, and every slot against it.

import type { Database, Sql } from '../store/database.ts'
import {
  selectChainedRows,
  selectChainHash,
  selectChainHeads,
  selectContradictions,
} from '../store/evidence.ts'
import { type ChainBreak, type ChainHead, openChainWalk } from './chain.ts'

/** What was found. */
export interface EvidenceReport {
  works: number
  rows: number
  /** Empty when nothing was altered, removed or moved. */
  breaks: ChainBreak[]
}

const PAGE = 1000
const BREAKS_MAX = 1000

/**
 * Walks all the evidence, as it was at one instant. `anchors` are ends of chains that were written down elsewhere, as in a
 * monthly pack: they must still be where they were. Tells at most a thousand breaks.
 */
export function verifyEvidence(db: Database, anchors: readonly ChainHead[] = []): Promise<EvidenceReport> {
  return db.transaction(
    async tx => {
      const walk = openChainWalk()
      const breaks: ChainBreak[] = []
      let rows = 0
      for (let after = { workCode: '', seq: 0 }; ; ) {
        const page = await selectChainedRows(tx, after, PAGE)
        rows += page.length
        for (const row of page) breaks.push(...walk.take(row))
        const last = page.at(-1)
        if (last === undefined || breaks.length > BREAKS_MAX) break
        after = { workCode: last.workCode, seq: Number(last.seq) }
      }
      const heads = await selectChainHeads(tx)
      if (breaks.length <= BREAKS_MAX) breaks.push(...walk.end(heads))
      breaks.push(...(await selectContradictions(tx)), ...(await lostAnchors(tx, anchors)))
      return { works: heads.length, rows, breaks: breaks.slice(0, BREAKS_MAX) }
    },
    { asOfOneInstant: true },
  )
}

async function lostAnchors(sql: Sql, anchors: readonly ChainHead[]): Promise<ChainBreak[]> {
  const breaks: ChainBreak[] = []
  for (const { workCode, seq, hash } of anchors) {
    const kept = await selectChainHash(sql, { workCode, seq })
    if (kept !== hash) breaks.push({ workCode, what: `row ${seq} is not the one that was written down` })
  }
  return breaks
}
