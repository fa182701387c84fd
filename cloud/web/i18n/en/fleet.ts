// Texts of the fleet: how gateways are enrolled and cut off. In English.

import { plural } from '../plural.ts'

/** Texts of `fleet`. */
export const fleet = {
  identity: 'Identity',
  state: 'Known by',
  states: {
    certificate: 'Certificate',
    token: 'Token',
    revoked: 'Revoked: it may not connect',
    none: 'Not enrolled yet',
  },
  enrolledAt: 'Enrolled',
  certificateEnds: 'Certificate until',
  certificateHint: 'It renews itself at two thirds of its life',
  revokedAt: 'Revoked',
  claimOpen: 'Open code until',
  claim: 'Claim code',
  claimAgain: 'Replace its card',
  claimAgainLead:
    'A new code is given. The identity of now ends when another gateway is enrolled with it; until then it stays connected.',
  claimReplaceLead: 'The open code is withdrawn, and another one is given.',
  claimAction: 'Draw a code',
  readyTitle: 'Claim code',
  readyLead: 'It is shown this once. On the gateway:',
  readyUntil: (until: string) => `Good once, until ${until}`,
  copy: 'Copy the command',
  copied: 'Command copied',
  labels: 'Download the label (PDF)',
  labelsMany: (count: number) => `Download ${plural(count, 'label', 'labels')} (PDF)`,
  revoke: 'Revoke',
  revokeTitle: (gateway: string) => `Revoke ${gateway}`,
  revokeLead:
    'Its sessions end within seconds, and nothing that its card holds is good any more. What it has measured stays on its disk, and is sent when it is enrolled with a new code.',
  reason: 'Reason',
  revoked: 'Gateway revoked',
  codes: 'Claim codes',
  codesLead: 'One for each gateway, good once. Those that have an open code keep it.',
  choose: 'Gateways',
  never: 'Never heard',
  draw: 'Draw codes',
  drawn: (count: number) => `${plural(count, 'new code', 'new codes')}`,
  kept: {
    drawn: '',
    open: 'has an open code already',
    enrolled: 'is enrolled already',
    unknown: 'is not there',
  },
}
