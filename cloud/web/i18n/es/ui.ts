// Texts of the parts that screens are made of, in Spanish.

import { plural } from '../plural.ts'

/** Texts of `ui`. */
export const ui = {
  close: 'Cerrar',
  cancel: 'Cancelar',
  busy: 'Un momento…',
  more: 'Cargar más',
  pick: 'Escriba para buscar',
  noneFound: 'Nada con ese nombre',
  same: 'Sin diferencias',
  before: 'Antes:',
  after: 'Ahora:',
  differences: 'Diferencias',
  yes: 'Sí',
  no: 'No',
  none: 'Ninguno',
  all: 'Todos',
  save: 'Guardar',
  edit: 'Editar',
  remove: 'Quitar',
  download: 'Descargar',
  dropFile: 'Suelte aquí el archivo, o elíjalo',
  from: 'Desde',
  to: 'Hasta',
  reason: 'Motivo',
  typeToConfirm: (typed: string) => `Escriba ${typed} para confirmar`,
  linesLeftOut: (n: number) => plural(n, 'línea igual', 'líneas iguales'),
}
