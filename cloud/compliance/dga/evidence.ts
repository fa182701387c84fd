// What is kept of an exchange with DGA, and what is never kept: the informant's password.
//
// Everything that DGA or the network wrote passes here once, on its way out of a client: bounded, and as a text that
// a database takes.

import type { Submission, Verification, WireEvidence } from './client.ts'
import type { Exchange } from './exchange.ts'

/** As much of an answer is kept. */
const EVIDENCE_CHARACTERS_MAX = 16_384
/** As much of a reason, or of a difference, is kept. */
const REASON_CHARACTERS_MAX = 300

/** A request as it went over the wire. Who writes it leaves the secret out. */
export function requestText(
  line: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return [line, ...lines, ...(body === undefined ? [] : ['', body])].join('\n')
}

/** A request, written without its secret, and what was answered. */
export function evidenceOf(request: string, exchanged: Exchange, secret: string): WireEvidence {
  if (exchanged.kind === 'lost') return { request, status: null, answer: null }
  const answer = keptText(redact(exchanged.text, secret), EVIDENCE_CHARACTERS_MAX)
  return { request, status: exchanged.status, answer }
}

/** A submission as it is kept. Nothing that DGA says may bring a secret back in, nor a part of one. */
export function keptSubmission(submission: Submission, secret: string): Submission {
  if (!('reason' in submission)) return submission
  return { ...submission, reason: keptReason(redact(submission.reason, secret)) }
}

/** A verification as it is kept. */
export function keptVerification(verification: Verification): Verification {
  switch (verification.kind) {
    case 'match':
      return verification
    case 'mismatch':
      return { ...verification, differences: verification.differences.map(keptReason) }
    case 'not_found':
    case 'no_answer':
      return { ...verification, reason: keptReason(verification.reason) }
  }
}

/** A reason as it is kept. */
export const keptReason = (text: string): string => keptText(text, REASON_CHARACTERS_MAX)

/** PostgreSQL keeps neither NUL nor half of a surrogate pair, which an escape in JSON or our own cut may bring. */
function keptText(text: string, charactersMax: number): string {
  return text.slice(0, charactersMax).toWellFormed().replaceAll('\0', '\ufffd')
}

/** What replaces a secret. */
export const REDACTED = '***'

/** A text without a secret, however it was escaped: for JSON once or more, for XML, for a URL. */
export function redact(text: string, secret: string): string {
  if (secret === '') return text
  return text.replaceAll(new RegExp([...secret].map(formsOf).join(''), 'g'), REDACTED)
}

const ENTITIES: Record<string, string> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' }

/** A pattern for one character in every form that an answer may give it. */
function formsOf(character: string): string {
  const code = character.codePointAt(0) ?? 0
  const hex = code.toString(16)
  const entity = ENTITIES[character]
  const forms = [
    RegExp.escape(character),
    `&#0*${code};`,
    `&#[xX]0*${anyCase(hex)};`,
    `u${anyCase(hex.padStart(4, '0'))}`,
    RegExp.escape(encodeURIComponent(character.toWellFormed())),
    ...(entity === undefined ? [] : [`&${entity};`]),
  ]
  // Each escaping doubles the backslashes before a character, or the character when it is one: three are enough.
  return String.raw`\\{0,8}(?:${forms.join('|')})`
}

const anyCase = (hex: string): string => hex.replace(/[a-f]/g, digit => `[${digit}${digit.toUpperCase()}]`)
