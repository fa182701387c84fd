// Texts of the fleet: how gateways are enrolled and cut off. In Spanish.

import { plural } from '../plural.ts'

/** Texts of `fleet`. */
export const fleet = {
  identity: 'Identidad',
  state: 'Se identifica con',
  states: {
    certificate: 'Certificado',
    token: 'Token',
    revoked: 'Revocado: no puede conectarse',
    none: 'Aún no enrolado',
  },
  enrolledAt: 'Enrolado',
  certificateEnds: 'Certificado hasta',
  certificateHint: 'Se renueva solo a dos tercios de su vida',
  revokedAt: 'Revocado',
  claimOpen: 'Código vigente hasta',
  claim: 'Código de enrolamiento',
  claimAgain: 'Reemplazar tarjeta',
  claimAgainLead:
    'Se entrega un código nuevo. La identidad actual termina cuando otro gateway se enrola con él; hasta entonces sigue conectada.',
  claimReplaceLead: 'El código vigente deja de servir, y se entrega otro.',
  claimAction: 'Generar código',
  readyTitle: 'Código de enrolamiento',
  readyLead: 'Se muestra esta única vez. En el gateway:',
  readyUntil: (until: string) => `Sirve una vez, hasta el ${until}`,
  copy: 'Copiar comando',
  copied: 'Comando copiado',
  labels: 'Descargar etiqueta (PDF)',
  labelsMany: (count: number) => `Descargar ${plural(count, 'etiqueta', 'etiquetas')} (PDF)`,
  revoke: 'Revocar',
  revokeTitle: (gateway: string) => `Revocar ${gateway}`,
  revokeLead:
    'Sus sesiones terminan en segundos, y nada de lo que tiene la tarjeta vuelve a servir. Lo que ha medido queda en su disco, y se sube cuando se enrola con un código nuevo.',
  reason: 'Motivo',
  revoked: 'Gateway revocado',
  codes: 'Códigos de enrolamiento',
  codesLead: 'Uno para cada gateway, que sirve una vez. Los que ya tienen un código vigente lo conservan.',
  choose: 'Gateways',
  never: 'Nunca ha informado',
  draw: 'Generar códigos',
  drawn: (count: number) => `${plural(count, 'código nuevo', 'códigos nuevos')}`,
  kept: {
    drawn: '',
    open: 'ya tiene un código vigente',
    enrolled: 'ya está enrolado',
    unknown: 'no existe',
  },
}
