// SMA's connection service: Res. Ex. SMA 254/2020, "Manual API REST-SMA v1.0".
//
//   POST /api/v1/auth                                          {usuario, password} → {token}, for 24 hours
//   POST /api/v1/ufs/{uf}/procesos/{proceso}/registros         Authorization: Bearer …, the report → {mensaje, IdVerificacion}
//
// A token is kept in memory until shortly before it ends. One that is refused earlier is replaced once, and the report sent
// again at once: who is not let in has reported nothing.

import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../../../protocol/runtime/clock.ts'
import type { WireEvidence } from '../dga/client.ts'
import { evidenceOf, keptReason, REDACTED, redact, requestText } from '../dga/evidence.ts'
import { EXCHANGE_LIMITS, type Exchange, type ExchangeLimits, exchange, type Fetch } from '../dga/exchange.ts'
import type { SmaOutcome } from './outcome.ts'

/** Where the service is, without `/api/v1/…`. */
export const SMA_URL = 'https://conexiones.sma.gob.cl'

/** The manual's 24 hours, less what clocks differ by. */
const TOKEN_LIFE_MS = 23 * 3_600_000

/** Whoever reports. */
export interface SmaHolder {
  user: string
  password: string
}

/** What is reported, and where it belongs. */
export interface SmaSubmission {
  uf: string
  process: string
  /** The report as it is sent. */
  body: string
}

/** A way to SMA. */
export interface SmaClient {
  /** Reports once. Every outcome is a value. Throws only the signal's reason; then nobody can say whether it is held. */
  submit(
    submission: SmaSubmission,
    holder: SmaHolder,
    signal: AbortSignal,
  ): Promise<{ outcome: SmaOutcome; evidence: WireEvidence }>
}

/** Opens the client. */
export function openSmaClient(
  { fetch, clock }: { fetch: Fetch; clock: Clock },
  { url = SMA_URL, limits: some = {} }: { url?: string; limits?: Partial<ExchangeLimits> } = {},
): SmaClient {
  const limits = { ...EXCHANGE_LIMITS, ...some }
  const base = `${url.replace(/\/$/, '')}/api/v1`
  const tokens = new Map<string, { token: string; until: number }>()
  const json = { 'content-type': 'application/json' }

  const signIn = async ({ user, password }: SmaHolder, signal: AbortSignal): Promise<SignedIn> => {
    const target = `${base}/auth`
    const init = { method: 'POST' as const, headers: json }
    const answer = await exchange(
      fetch,
      target,
      { ...init, body: JSON.stringify({ usuario: user, password }) },
      limits,
      signal,
    )
    const shown = requestText(`POST ${target}`, json, JSON.stringify({ usuario: user, password: REDACTED }))
    const read = readToken(answer)
    if ('outcome' in read) {
      const { outcome } = read
      const kept = { ...outcome, reason: keptReason(redact(outcome.reason, password)) }
      return { outcome: kept, evidence: evidenceOf(shown, answer, password) }
    }
    tokens.set(keyOf({ user, password }), { token: read.token, until: clock.now() + TOKEN_LIFE_MS })
    return read
  }

  const report = async (
    { uf, process, body }: SmaSubmission,
    token: string,
    { password }: SmaHolder,
    signal: AbortSignal,
  ) => {
    const target = `${base}/ufs/${encodeURIComponent(uf)}/procesos/${encodeURIComponent(process)}/registros`
    const headers = { ...json, authorization: `Bearer ${token}` }
    const answer = await exchange(fetch, target, { method: 'POST', headers, body }, limits, signal)
    const shown = requestText(`POST ${target}`, { ...json, authorization: `Bearer ${REDACTED}` }, body)
    const evidence = evidenceOf(shown, answer, password)
    const safe = { ...evidence, answer: evidence.answer === null ? null : redact(evidence.answer, token) }
    const hide = (text: string) => keptReason(redact(redact(text, password), token))
    return { read: readReport(answer, hide), evidence: safe }
  }

  return {
    async submit(submission, holder, signal) {
      const kept = tokens.get(keyOf(holder))
      const first =
        kept !== undefined && kept.until > clock.now() ? { token: kept.token } : await signIn(holder, signal)
      if ('outcome' in first) return first
      const said = await report(submission, first.token, holder, signal)
      if (said.read !== 'not_let_in') return { outcome: said.read, evidence: said.evidence }
      tokens.delete(keyOf(holder))
      const second = await signIn(holder, signal)
      if ('outcome' in second) return second
      const again = await report(submission, second.token, holder, signal)
      if (again.read !== 'not_let_in') return { outcome: again.read, evidence: again.evidence }
      tokens.delete(keyOf(holder))
      const reason = 'SMA does not take the token that it gave (HTTP 401)'
      return { outcome: { kind: 'configuration_error', what: 'holder', reason }, evidence: again.evidence }
    },
  }
}

/** Whose token it is: who knows the name alone does not get it. */
const keyOf = ({ user, password }: SmaHolder): string =>
  createHash('sha256')
    .update(JSON.stringify([user, password]))
    .digest('hex')

type SignedIn =
  | { token: string }
  | { outcome: Exclude<SmaOutcome, { kind: 'accepted' }>; evidence: WireEvidence }

const Said = z.looseObject({
  token: z.string().min(1).max(10_000).optional().catch(undefined),
  mensaje: z.string().optional().catch(undefined),
  IdVerificacion: z
    .union([z.string().min(1), z.number()])
    .transform(String)
    .pipe(z.string().max(200))
    .optional()
    .catch(undefined),
})

function read(text: string): z.output<typeof Said> {
  try {
    return Said.safeParse(JSON.parse(text)).data ?? {}
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

/** Who is not let in has reported nothing, whatever the reason. */
function readToken(
  answer: Exchange,
): { token: string } | { outcome: Exclude<SmaOutcome, { kind: 'accepted' }> } {
  if (answer.kind === 'lost') return { outcome: { kind: 'not_sent', reason: answer.reason } }
  const { status, retryAfterMs } = answer
  const { token, mensaje } = read(answer.text)
  if ((status === 200 || status === 201) && token !== undefined) return { token }
  const reason = `signing in: HTTP ${status}${mensaje === undefined ? '' : `, ${mensaje}`}`
  if (status === 400 || status === 401 || status === 403)
    return { outcome: { kind: 'configuration_error', what: 'holder', reason } }
  return {
    outcome: { kind: 'not_sent', reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
  }
}

function readReport(answer: Exchange, hide: (text: string) => string): SmaOutcome | 'not_let_in' {
  if (answer.kind === 'lost') {
    const kind = answer.arrived === 'no' ? 'not_sent' : 'unknown_outcome'
    return { kind, reason: hide(answer.reason) }
  }
  const { status, retryAfterMs } = answer
  const { mensaje, IdVerificacion } = read(answer.text)
  const reason = hide(`HTTP ${status}${mensaje === undefined ? '' : `, ${mensaje}`}`)
  switch (status) {
    case 200:
    case 201:
      if (IdVerificacion === undefined && mensaje === undefined)
        return { kind: 'unknown_outcome', reason: `${reason} with something that is not an answer` }
      return { kind: 'accepted', verification: IdVerificacion === undefined ? null : hide(IdVerificacion) }
    case 400:
      return { kind: 'refused', reason }
    case 401:
      return 'not_let_in'
    case 403:
    case 404:
      return { kind: 'configuration_error', what: 'process', reason }
    case 429:
      return { kind: 'not_sent', reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
    default:
      return { kind: 'unknown_outcome', reason }
  }
}
