// Texts of the overview, in Spanish.

import { plural } from '../plural.ts'

/** Texts of `overview`. */
export const overview = {
  title: 'Resumen',
  count: (count: number) => plural(count, 'punto', 'puntos'),
  all: 'Todos',
  filter: 'Buscar por nombre, cliente u obra',
  map: 'Mapa de puntos',
  mapHint: 'Arrastre para mover, rueda o botones para acercar.',
  zoomIn: 'Acercar',
  zoomOut: 'Alejar',
  fit: 'Ver todos',
  noPlace: (count: number) => `${plural(count, 'punto', 'puntos')} sin coordenadas`,
  cluster: (count: number) => `${count} puntos juntos: acercar`,
  table: 'Puntos y sus últimos valores',
  point: 'Punto',
  status: 'Estado',
  level: 'Nivel freático',
  total: 'Totalizador',
  flow: 'Caudal',
  dga: 'DGA 24 h',
  age: 'Último dato',
  more: 'Mostrar más',
  none: 'Ningún punto coincide',
  noneHint: 'Cambie la búsqueda o el estado elegido.',
  clear: 'Quitar filtros',
  empty: 'Todavía no hay puntos',
  emptyHint:
    'Un administrador los crea con smarthydro-cloud provision, o aparecen solos con los primeros datos de su gateway.',
  dgaOk: 'Sin pendientes',
  dgaSent: (count: number) => plural(count, 'declarada', 'declaradas'),
  dgaReview: (count: number) => `${count} en revisión`,
  dgaNoData: (count: number) => `${count} sin datos`,
  dgaWaiting: (count: number) => `${count} en espera`,
  dgaNone: 'No declara',
}
