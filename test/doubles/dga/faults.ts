// What goes wrong at DGA, scripted: for which requests, how often, and how.

import type { WorkKind } from './registry.ts'

/** How an answer is lost after (or instead of) the measurement being held. */
export type LossMode = 'hang' | 'close' | 'reset' | 'cut'

/** What goes wrong. */
export type DgaFault =
  /** Held, and then no answer: the client cannot know. */
  | { kind: 'stored-but-lost'; mode: LossMode }
  /** Not held, and no answer: looks the same. */
  | { kind: 'lost'; mode: LossMode }
  | { kind: 'slow'; ms: number }
  /** Not held; answered with these bytes. */
  | { kind: 'answer'; status: number; body: string; contentType?: string; encoding?: 'latin1' }
  /** Held, and answered `00`, but without a receipt. */
  | { kind: 'no-receipt'; how: 'missing' | 'empty' | 'no-data' }
  /** A duplicate is said to be one, but its receipt is not told. */
  | { kind: 'duplicate-without-receipt' }
  /** Held with another flow than was sent. */
  | { kind: 'stored-wrong' }

/** Pages and answers that are none, as real servers gave them. */
export const ANSWERS = {
  html502: {
    kind: 'answer',
    status: 502,
    contentType: 'text/html',
    body: '<html><body>502 Bad Gateway</body></html>',
  },
  html200: {
    kind: 'answer',
    status: 200,
    contentType: 'text/html',
    body: '<html><body>Mantención</body></html>',
  },
  json500: { kind: 'answer', status: 500, body: '{"status":"500","message":"Error interno"}' },
  html503: {
    kind: 'answer',
    status: 503,
    contentType: 'text/html',
    body: '<html><body>503 Service Unavailable</body></html>',
  },
  html504: {
    kind: 'answer',
    status: 504,
    contentType: 'text/html',
    body: '<html><body>504 Gateway Time-out</body></html>',
  },
  wrongType: {
    kind: 'answer',
    status: 500,
    contentType: 'image/png',
    body: '{"status":"500","message":"Error interno"}',
  },
  empty: { kind: 'answer', status: 200, body: '' },
  truncated: { kind: 'answer', status: 200, body: '{"status":"00","message":"Medición subt' },
  other200: { kind: 'answer', status: 200, body: '{"status":"99","message":"no observado","data":{}}' },
  bom: { kind: 'answer', status: 500, body: '\ufeff{"status":"500","message":"Error"}' },
  latin1: { kind: 'answer', status: 500, body: '{"status":"500","message":"Medición"}', encoding: 'latin1' },
} as const satisfies Record<string, DgaFault>

/** Which requests a fault hits. Every condition that is given must hold. */
export interface FaultRule {
  fault: DgaFault
  channel?: 'rest' | 'soap' | 'get'
  work?: string
  informant?: string
  /** One endpoint alone. */
  kind?: WorkKind
  /** Broken for so long at the beginning of every so long. */
  flapping?: { everyMs: number; brokenMs: number }
  from?: number
  to?: number
  /** Chance, from the seed. */
  probability?: number
  /** For so many requests. */
  times?: number
}

/** A script of faults. */
export interface FaultScript {
  add(...rules: FaultRule[]): void
  clear(): void
  next(request: {
    channel: 'rest' | 'soap' | 'get'
    work: string
    informant: string
    kind?: WorkKind | undefined
    now: number
  }): DgaFault | undefined
}

/** Opens an empty script. */
export function openFaultScript(random: () => number): FaultScript {
  let rules: { rule: FaultRule; left: number }[] = []
  return {
    add: (...added) => void rules.push(...added.map(rule => ({ rule, left: rule.times ?? Infinity }))),
    clear: () => {
      rules = []
    },
    next: request => {
      const hit = rules.find(({ rule, left }) => {
        const { channel, work, informant, kind, flapping } = rule
        const { from = -Infinity, to = Infinity, probability = 1 } = rule
        return (
          left > 0 &&
          (channel === undefined || channel === request.channel) &&
          (work === undefined || work === request.work) &&
          (informant === undefined || informant === request.informant) &&
          (kind === undefined || kind === request.kind) &&
          (flapping === undefined || request.now % flapping.everyMs < flapping.brokenMs) &&
          request.now >= from &&
          request.now < to &&
          (probability === 1 || random() < probability)
        )
      })
      if (hit !== undefined) hit.left -= 1
      return hit?.rule.fault
    },
  }
}
