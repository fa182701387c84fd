// What DGA's answers mean, whichever protocol brought them.
//
// Two refusals were seen of the real server: the duplicate and the wrong informant. The texts of all others are not
// known; the patterns for them are guesses, kept in one table that options can replace.

import type { ConfigurationMistake, Submission, Verification } from './client.ts'

/** How a refusal that only a person can end is recognised. */
export interface MistakePattern {
  mistake: ConfigurationMistake
  pattern: RegExp
}

/** The first is as seen of the real server; the others are what such texts may look like. */
export const MISTAKE_PATTERNS: readonly MistakePattern[] = [
  { mistake: 'not_informant', pattern: /no es el informante registrado/i },
  {
    mistake: 'credentials',
    pattern: /(clave|contraseña|password|credencial\w*)[^.]*(incorrect|inv[aá]lid|err[oó]ne)/i,
  },
  {
    mistake: 'credentials',
    pattern: /usuario[^.]*(desconocid|no existe|no registrad|no encontrad|inv[aá]lid)/i,
  },
  {
    mistake: 'control_centre',
    pattern: /centro de control[^.]*(desconocid|no existe|no registrad|no encontrad)/i,
  },
  { mistake: 'unknown_work', pattern: /obra[^.]*(desconocid|no existe|no registrad|no encontrad)/i },
]

/** An answer, its protocol taken off. */
export interface Answer {
  httpStatus: number
  retryAfterMs: number | undefined
  succeeded: boolean
  message: string
  receipt: string | undefined
}

const DUPLICATE = /ya existe un registro/i
/** Every receipt that was seen has 32 characters; what is much shorter is a word of the sentence. */
const DUPLICATE_RECEIPT = /comprobante:\s*([A-Za-z0-9-]{8,100})/i

/** What an answer that could be read means. */
export function toSubmission(
  { httpStatus, retryAfterMs, succeeded, message, receipt }: Answer,
  patterns: readonly MistakePattern[],
): Submission {
  if (succeeded) {
    return receipt === undefined ? { kind: 'accepted_without_receipt' } : { kind: 'accepted', receipt }
  }
  if (DUPLICATE.test(message)) {
    const first = toReceipt(DUPLICATE_RECEIPT.exec(message)?.[1])
    return first === undefined ? { kind: 'duplicate' } : { kind: 'duplicate', receipt: first }
  }
  const reason = `HTTP ${httpStatus}: ${message}`
  if (httpStatus === TOO_MANY_REQUESTS) return notTaken(reason, retryAfterMs)
  const known = patterns.find(({ pattern }) => pattern.test(message))
  if (known !== undefined) return { kind: 'configuration_error', mistake: known.mistake, reason }
  return isNoJudgement(httpStatus) ? { kind: 'unknown_outcome', reason } : { kind: 'refused', reason }
}

/** What an answer that could not be read means: its HTTP status is all that is known. */
export function toUnreadSubmission(
  { status, retryAfterMs }: { status: number; retryAfterMs: number | undefined },
  reason: string,
): Submission {
  return status === TOO_MANY_REQUESTS ? notTaken(reason, retryAfterMs) : { kind: 'unknown_outcome', reason }
}

/** What it means that a receipt was asked after in vain. */
export function noAnswer(
  { status, retryAfterMs }: { status: number; retryAfterMs: number | undefined },
  reason: string,
): Verification {
  const isAsked = status === TOO_MANY_REQUESTS && retryAfterMs !== undefined
  return { kind: 'no_answer', reason, ...(isAsked ? { retryAfterMs } : {}) }
}

const TOO_MANY_REQUESTS = 429

function notTaken(reason: string, retryAfterMs: number | undefined): Submission {
  return { kind: 'not_sent', reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

/**
 * Whether an answer with this status says nothing of what was asked: a server that failed, and whoever stands before it
 * and lets nobody through. DGA's own refusals came with 400; its perimeter blocks (Res. Ex. 2.170, section 7).
 */
export function isNoJudgement(httpStatus: number): boolean {
  return httpStatus >= 500 || [401, 403, TOO_MANY_REQUESTS].includes(httpStatus)
}

/** What programs write where they have nothing, and what has neither letter nor digit. */
const NO_RECEIPT =
  /^(null|undefined|none|nil|nan|empty|false|nulo|ninguno|vac[ií]o|desconocido|n\/a|[^\p{L}\p{N}]*)$/iu
const RECEIPT_CHARACTERS_MAX = 100

/** A receipt as it was told, or none: what nobody could write down, or what stands for nothing, proves nothing. */
export function toReceipt(text: unknown): string | undefined {
  if (typeof text !== 'string') return undefined
  const receipt = text.trim()
  const isNone = NO_RECEIPT.test(receipt) || /\p{C}/u.test(receipt) || receipt.length > RECEIPT_CHARACTERS_MAX
  return isNone ? undefined : receipt
}

/** How numbers differ: `flow: declared 14.25, held 13`. DGA drops trailing zeros, so texts are not compared. */
export function differences(
  declared: Readonly<Record<string, string | undefined>>,
  held: Readonly<Record<string, string | undefined>>,
): string[] {
  return Object.entries(declared)
    .filter(([name, text]) => !isSame(text, held[name]))
    .map(([name, text]) => `${name}: declared ${text ?? 'nothing'}, held ${held[name] ?? 'nothing'}`)
}

function isSame(declared: string | undefined, held: string | undefined): boolean {
  if (declared === undefined || declared === '') return held === undefined || held === ''
  if (held === undefined || held === '') return false
  const numbers = [Number(declared), Number(held)]
  return numbers.every(Number.isFinite) ? numbers[0] === numbers[1] : declared === held
}
