// The time, from the cloud: for a machine without a battery, where nobody else tells it.
//
// What is answered is signed with the fleet's key over a number that was drawn for this question. So it is believed from
// whoever hands it on, also where the server's certificate seems to be of another age.

import { createPublicKey, randomBytes, verify } from 'node:crypto'
import { ENROLMENT_PATHS, SignedTime, timeText } from '../../protocol/enrolment.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import { askCloud } from './ask.ts'

/** An answer that took longer says too little. */
const ROUND_MAX_MS = 20_000

/** By how much the wall clock is behind the cloud's, in milliseconds. Throws Unavailable when nobody says it for sure. */
export async function clockBehindMs(
  { clock }: { clock: Clock },
  { url, fleetKey }: { url: string; fleetKey: string },
  signal?: AbortSignal,
): Promise<number> {
  const nonce = randomBytes(24).toString('base64url')
  const begunAt = clock.monotonic()
  const path = `${ENROLMENT_PATHS.time}?nonce=${nonce}`
  const answer = SignedTime.safeParse(await askCloud({ url, path, unproved: true }, signal))
  const tookMs = clock.monotonic() - begunAt
  if (!answer.success || answer.data.nonce !== nonce || !isSigned(answer.data, fleetKey)) {
    throw new Unavailable(`${new URL(url).host} did not tell the time with the signature of the fleet`)
  }
  if (tookMs > ROUND_MAX_MS) throw new Unavailable(`The time came after ${Math.round(tookMs / 1000)} s`)
  return answer.data.at + tookMs / 2 - clock.now()
}

function isSigned({ at, nonce, signature }: SignedTime, fleetKey: string): boolean {
  const bytes = new TextEncoder().encode(timeText(at, nonce))
  return verify(null, bytes, createPublicKey(fleetKey), Buffer.from(signature, 'base64'))
}
