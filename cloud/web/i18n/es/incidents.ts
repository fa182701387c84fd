// Texts of incidents, in Spanish.

import { plural } from '../plural.ts'

/** Texts of `incidents`. */
export const incidents = {
  title: 'Incidentes',
  open: 'Abiertos',
  closed: 'Cerrados',
  which: 'Cuáles',
  kind: 'Qué pasa',
  subject: 'Dónde',
  since: 'Desde',
  last: 'Visto por última vez',
  until: 'Hasta',
  seen: (count: number) => plural(count, 'vez', 'veces'),
  reopened: (count: number) => `volvió ${plural(count, 'vez', 'veces')}`,
  acknowledge: 'Tomar conocimiento',
  acknowledged: (who: string) => `Lo sabe ${who}`,
  none: 'Ningún incidente abierto',
  noneHint: 'Lo que falla y dura aparece aquí una sola vez, con su cuenta.',
  noneClosed: 'Ningún incidente cerrado',
  kinds: {
    ledger_difference: 'Faltan lecturas de un gateway',
    declaration_late: 'Declaración atrasada',
    informant_cannot_declare: 'El informante no puede declarar',
    sma_late: 'Reportes a la SMA atrasados',
    sensor_fault_expired: 'Sensor en falla sin novedad',
    gateway_lost: 'Gateway sin señal',
    gateway_cloned: 'Tarjeta copiada',
    alert: 'Alerta',
  } as Record<string, string>,
}
