// What DGA's answers mean, whichever protocol brought them.
//
// Two refusals were seen of the real server: the duplicate and the wrong informant. The texts of all others are not
// known; the patterns for them are guesses, kept in one table that options can replace.

import type { ConfigurationMistake, Submission } from './client.ts'

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
  succeeded: boolean
  message: string
  receipt: string | undefined
}

const DUPLICATE = /ya existe un registro/i
const DUPLICATE_RECEIPT = /comprobante:\s*([A-Za-z0-9-]{1,100})/i

/** What an answer that could be read means. */
export function toSubmission(
  { httpStatus, succeeded, message, receipt }: Answer,
  patterns: readonly MistakePattern[],
): Submission {
  if (succeeded) {
    return receipt === undefined ? { kind: 'accepted_without_receipt' } : { kind: 'accepted', receipt }
  }
  if (DUPLICATE.test(message)) {
    const first = DUPLICATE_RECEIPT.exec(message)?.[1]
    return first === undefined ? { kind: 'duplicate' } : { kind: 'duplicate', receipt: first }
  }
  const reason = `HTTP ${httpStatus}: ${message.slice(0, REASON_CHARACTERS_MAX)}`
  const known = patterns.find(({ pattern }) => pattern.test(message))
  if (known !== undefined) return { kind: 'configuration_error', mistake: known.mistake, reason }
  return httpStatus >= 500 ? { kind: 'unknown_outcome', reason } : { kind: 'refused', reason }
}

/** As much of a message goes into a reason. */
export const REASON_CHARACTERS_MAX = 300

/** A receipt as it was told: a text that is not blank, or none. */
export function toReceipt(text: unknown): string | undefined {
  if (typeof text !== 'string') return undefined
  const receipt = text.trim()
  return receipt === '' || receipt.length > 100 ? undefined : receipt
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
