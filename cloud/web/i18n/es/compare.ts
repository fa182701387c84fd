// Texts of comparing series, in Spanish.

/** Texts of `compare`. */
export const compare = {
  title: 'Comparar',
  compare: 'Comparar',
  lead: 'Series de cualquier punto sobre el mismo eje de tiempo.',
  series: 'Series',
  point: 'Punto',
  variable: 'Variable',
  add: 'Agregar',
  remove: (name: string) => `Quitar ${name}`,
  full: (n: number) => `Se muestran hasta ${n} series a la vez.`,
  none: 'Ninguna serie elegida',
  noneHint: 'Elija un punto y una variable; la dirección de la página guarda lo elegido.',
}

/** Texts of `readings`: the readings behind a chart. */
export const readings = {
  show: 'Ver lecturas',
  title: (variable: string) => `Lecturas de ${variable}`,
  only: 'Cuáles',
  all: 'Todas',
  doubtful: 'Sin valor o dudosas',
  at: 'Hora',
  value: 'Valor',
  measured: 'Medido',
  quality: 'Calidad y por qué',
  none: 'Sin lecturas en este período',
  noneDoubtful: 'Ninguna dudosa entre las que se ven',
  time: { synced: 'Hora sincronizada', unsynced: 'Hora sin sincronizar' } as Record<string, string>,
  flags: {
    out_of_range: 'Fuera de rango',
    too_fast: 'Cambió más rápido de lo posible',
    stuck: 'Detenido',
    sentinel: 'Código de falla del instrumento',
    clock_ahead: 'Reloj adelantado',
    clock_unsynced: 'Reloj sin sincronizar',
    cut_off: 'Caudal bajo, cuenta como cero',
    zero: 'Cero aislado',
    truncated: 'Lectura cortada',
    dropped: 'Retroceso',
    jumped: 'Salto',
    jitter: 'Vaivén en reposo',
    gap: 'Después de un vacío',
    reset: 'Partió de nuevo',
    rollover: 'Dio la vuelta',
    meter_event: 'Tras un evento del medidor',
    excess: 'Más de lo posible',
    readmitted: 'Vuelto a creer',
  } as Record<string, string>,
}
