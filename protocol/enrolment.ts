// What a gateway and the cloud say to each other over HTTPS before there is a session: enrolling, renewing, the time.

import { z } from 'zod'
import { ClaimCode } from './claim-code.ts'
import { Slug } from './ids.ts'

const PEM_LENGTH_MAX = 8_192

/** Where they are below the cloud's address. */
export const ENROLMENT_PATHS = {
  enrol: '/api/v1/enrolment',
  renew: '/api/v1/enrolment/renewal',
  time: '/api/v1/enrolment/time',
} as const

/** A certificate request, PKCS #10: signed by the key that it is for, which is thereby shown to be there. */
const CertificateRequest = z
  .string()
  .max(PEM_LENGTH_MAX)
  .regex(
    /^-----BEGIN CERTIFICATE REQUEST-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE REQUEST-----\s*$/,
    'must be a certificate request in PEM',
  )

/** A gateway enrols. Which one it is, it says only where the code is for several. */
export const EnrolmentRequest = z.strictObject({
  code: ClaimCode,
  request: CertificateRequest,
  gateway: Slug.optional(),
})

/** A gateway wants its next certificate, for the key that it is known by. */
export const RenewalRequest = z.strictObject({ request: CertificateRequest })

/** Who a gateway is, and what it needs to show and to believe. */
export const Identity = z.object({
  gateway: Slug,
  client: Slug,
  project: Slug,
  /** Its own certificate and the one that issued it, PEM. */
  certificate: z.string().min(1),
  /** The fleet's roots, PEM. */
  authority: z.string().min(1),
  /** What configurations and releases are signed with, PEM. */
  fleetKey: z.string().min(1),
  /** Where to send readings, where the cloud has been told. */
  uplinkUrl: z.string().nullable(),
  /** Who vouches for the uplink's server, PEM; null: the authorities of the machine. */
  uplinkCa: z.string().nullable(),
})

/** The same as a type. */
export type Identity = z.infer<typeof Identity>

/** The time, signed with the fleet's key over `timeText()`. */
export const SignedTime = z.object({ at: z.int().positive(), nonce: z.string(), signature: z.base64() })

/** The same as a type. */
export type SignedTime = z.infer<typeof SignedTime>

/** Drawn by who asks for the time, so that no earlier answer can be given again. */
export const Nonce = z.string().regex(/^[A-Za-z0-9_-]{22,64}$/, 'must be 22 to 64 characters of base64url')

/** What is signed of an answer to a question for the time. */
export const timeText = (at: number, nonce: string): string => `smarthydro time ${at} ${nonce}`
