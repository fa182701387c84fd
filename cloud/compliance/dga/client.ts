// The contract with DGA, whichever protocol is spoken, and the only dictionary between its words and ours.
//
//   DGA                    ours                DGA                    ours
//   obra, codigoObra       work, workCode      comprobante            receipt
//   medición               declaration         informante, usuario    informant
//   caudal                 flow, L/s           empresa                control centre
//   totalizador            total, m³           fechaMedicion          date of measuredAt, UTC-4
//   nivel freático         level of a well, m  horaMedicion           time of measuredAt, UTC-4
//   altura limnimétrica    level of a channel  timeStampOrigen        when it was sent

import type { Declaration } from '../declaration.ts'

/** Who declares. The password occurs in the body of a submission and nowhere else. */
export interface Credentials {
  rut: string
  controlCentreRut: string
  password: string
}

/** Why a submission can never be accepted until a person changes something. */
export type ConfigurationMistake = 'not_informant' | 'credentials' | 'control_centre' | 'unknown_work'

/** What came of a submission. */
export type Submission =
  | { kind: 'accepted'; receipt: string }
  /** DGA held it already. The receipt is that of the first time, when it was told. */
  | { kind: 'duplicate'; receipt?: string }
  | { kind: 'accepted_without_receipt' }
  /** Nothing but a change by a person helps. It says nothing about the declaration itself. */
  | { kind: 'configuration_error'; mistake: ConfigurationMistake; reason: string }
  | { kind: 'refused'; reason: string }
  /** It left, and nobody can say whether it is held. */
  | { kind: 'unknown_outcome'; reason: string }
  /**
   * It certainly is not held: no connection was made, or DGA takes no more for now (HTTP 429), and said for how long
   * where `retryAfterMs` is there.
   */
  | { kind: 'not_sent'; reason: string; retryAfterMs?: number }

/** What went over the wire, without its secret. */
export interface WireEvidence {
  request: string
  status: number | null
  /** As it came, cut where `EVIDENCE_CHARACTERS_MAX` ends. */
  answer: string | null
}

/** A submission with its evidence. */
export interface Submitted {
  submission: Submission
  evidence: WireEvidence
}

/** What DGA holds under a receipt, compared with what was declared, as numbers. */
export type Verification =
  | { kind: 'match' }
  | { kind: 'mismatch'; differences: readonly string[] }
  | { kind: 'not_found'; reason: string }
  /** `retryAfterMs` is for how long DGA wants to be left alone (HTTP 429). */
  | { kind: 'no_answer'; reason: string; retryAfterMs?: number }

/** A verification with its evidence. */
export interface Verified {
  verification: Verification
  evidence: WireEvidence
}

/**
 * A way to DGA. Implementations differ only in the protocol they speak. Every text that they give is bounded, and one
 * that a database takes.
 */
export interface DgaClient {
  /**
   * Declares once. Every outcome is a value, a lost connection too. `sentAt` is told to DGA as the time of sending.
   *
   * Throws only the signal's reason; then nobody can say whether the declaration is held.
   */
  submit(
    declaration: Declaration,
    credentials: Credentials,
    sentAt: number,
    signal: AbortSignal,
  ): Promise<Submitted>
  /** Asks what is held under a receipt. Throws only the signal's reason. */
  verify(declaration: Declaration, receipt: string, signal: AbortSignal): Promise<Verified>
}
