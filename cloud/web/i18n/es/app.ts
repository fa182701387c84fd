// Texts of the frame around every page, in Spanish.

import { plural } from '../plural.ts'

/** Texts of `app`. */
export const app = {
  tagline: 'Telemetría de aguas',
  skip: 'Ir al contenido',
  nav: 'Secciones',
  overview: 'Resumen',
  gateways: 'Gateways',
  account: 'Mi cuenta',
  signOut: 'Cerrar sesión',
  language: 'Idioma',
  theme: 'Apariencia',
  themes: { system: 'Del equipo', light: 'Clara', dark: 'Oscura' },
  live: 'En vivo',
  search: 'Buscar',
  searchHint: 'Buscar punto o página',
  searchNone: 'Nada con ese nombre',
  points: 'Puntos',
  pages: 'Páginas',
  notFound: 'Esta página no existe',
  notFoundHint: 'La dirección puede estar mal escrita, o la página ya no está.',
  home: 'Volver al resumen',
  more: 'Más',
  groups: { watch: 'Mirar', comply: 'Declarar', run: 'Operar', manage: 'Administrar' },
}

/** Texts of `failure`. */
export const failure = {
  title: 'No se pudo mostrar esto',
  unreachable: 'El servidor no responde. Se vuelve a intentar solo.',
  forbidden: 'Su usuario no tiene permiso para ver esto.',
  notFound: 'No existe, o su usuario no puede verlo.',
  ours: 'Falló de nuestro lado.',
  tooMany: 'Demasiadas solicitudes. Espere un momento.',
  retry: 'Reintentar',
  reference: (id: string) => `Referencia ${id}`,
  stale: 'Sin conexión: lo que se ve es lo último que llegó.',
}

/** Texts of `age`. */
export const age = {
  never: 'nunca',
  now: 'ahora',
  seconds: (n: number) => `hace ${n} s`,
  minutes: (n: number) => `hace ${n} min`,
  hours: (n: number) => `hace ${n} h`,
  days: (n: number) => `hace ${plural(n, 'día', 'días')}`,
}
