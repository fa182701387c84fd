// Texts of balances and analyses, in Spanish.

import { plural } from '../plural.ts'

/** How a number of an anomaly is said, by its name. */
type Say = (name: string, decimals?: number) => string

/** Texts of `analysis`. */
export const analysis = {
  tab: 'Análisis',
  use: 'Uso del derecho',
  yearHint: (year: number) => `Año ${year}`,
  together: (points: number) => `De ${plural(points, 'punto', 'puntos')} de la misma obra, juntos.`,
  taken: 'Extraído en el año',
  granted: 'Concedido en el año',
  flowRight: 'Caudal concedido',
  maxFlow: 'Caudal máximo',
  daysAbove: 'Días sobre el caudal',
  noRight: 'Sin derecho registrado',
  noRightHint: 'El derecho se registra en la obligación de la obra.',
  percentOf: (percent: string) => `${percent} de lo concedido`,
  atEnd: 'A fin de año',
  projection: 'Proyección',
  projectionHint: (percent: number) => `Intervalo en que cae ${percent} de cada 100 veces`,
  month: 'Este mes',
  year: 'Este año',
  known: (value: string) => `${value} hasta ayer`,
  between: (low: string, high: string) => `entre ${low} y ${high}`,
  byHistory: (days: number) => `Según ${plural(days, 'día', 'días')} de historia`,
  bySeason: 'con la estación del año anterior',
  noProjection: 'Sin historia suficiente para proyectar',
  noProjectionHint: 'Hace falta una semana de días completos.',
  overGranted: 'Sobrepasaría lo concedido',
  balances: 'Balance',
  by: 'Por',
  bys: { day: 'Día', month: 'Mes' },
  noBalances: 'Sin balance en este período',
  day: 'Día',
  consumed: 'Extraído',
  uncertain: 'De ello, sin lecturas',
  coverage: 'Cobertura',
  quality: 'Peor calidad',
  daysKnown: (known: number, all: number) => `${known} de ${all} días con dato`,
  baseline: 'Semana usual',
  baselineHint: 'Lo que se extrae en cada hora: mediana de las últimas ocho semanas.',
  weekdays: ['Lunes', 'Martes', 'Miércoles', 'Jueves', 'Viernes', 'Sábado', 'Domingo y feriados'],
  weekdaysShort: ['Lu', 'Ma', 'Mi', 'Ju', 'Vi', 'Sá', 'Do'],
  cell: (weekday: string, hour: number, usual: string) => `${weekday}, ${hour}:00: ${usual}`,
  unknown: 'sin dato',
  noBaseline: 'Sin semanas suficientes',
  noBaselineHint: 'La semana usual aparece con dos semanas de lecturas.',
  anomalies: 'Anomalías',
  noAnomalies: 'Ninguna anomalía',
  noAnomaliesHint: 'Lo que se aparte del patrón de este punto aparece aquí con su razón.',
  kinds: {
    night_flow: 'Caudal nocturno',
    stuck_counter: 'Totalizador detenido',
    drawdown: 'Descenso inusual',
    flow_against_volume: 'Caudal y volumen no calzan',
  },
  states: { open: 'Abierta', closed: 'Terminada', withdrawn: 'Retirada' },
  reasons: {
    night_flow: (say: Say) =>
      `En cada hora de la noche pasaron al menos ${say('nightM3h')} m³/h; lo usual son ${say('usualM3h')}, y hasta ${say('boundM3h')} no llama la atención.`,
    stuck_counter: (say: Say, has: (name: string) => boolean) =>
      has('sunkHours')
        ? `El totalizador no avanzó en ${say('sunkHours', 0)} h en que el agua bajó hasta ${say('sunkM')} m, como cuando se bombea; lo usual son ${say('usualHours', 0)} h.`
        : `El totalizador no avanzó en ${say('stillHours', 0)} h mientras pasaban ${say('flowedM3')} m³ (${say('meanFlowLps')} L/s).`,
    drawdown: (say: Say, has: (name: string) => boolean) =>
      has('mPerLps')
        ? `El agua bajó ${say('drawdownM')} m con ${say('runningLps')} L/s, ${say('mPerLps', 3)} m por cada uno; lo usual son ${say('usualMPerLps', 3)} ± ${say('boundMPerLps', 3)}.`
        : `El agua bajó ${say('drawdownM')} m; lo usual son ${say('usualM')} ± ${say('boundM')}.`,
    flow_against_volume: (say: Say) =>
      `El totalizador dice ${say('countedM3')} m³ y el caudal ${say('flowedM3')} m³ en las mismas horas: ${say('ratio')} de ello, cuando lo usual es ${say('usualRatio')}.`,
  },
  days: (n: number) => plural(n, 'día', 'días'),
  worst: (day: string) => `peor el ${day}`,
  capacity: 'Capacidad específica',
  capacityHint: 'Caudal por metro de descenso, de las últimas cuatro semanas.',
  spread: (value: string) => `± ${value}`,
  trend: 'Tendencia',
  perYear: (percent: string) => `${percent} al año`,
  trendRange: (low: string, high: string) => `entre ${low} y ${high} (90 % de confianza)`,
  noTrend: 'Sin tendencia segura',
  noCapacity: 'Sin días de bombeo con nivel',
  noCapacityHint: 'Hacen falta caudal y nivel de días en que la bomba parta y descanse.',
  drawdown: 'Descenso',
  flow: 'Caudal',
  showTable: 'Ver como tabla',
  hideTable: 'Ver como gráfico',
}

/** Texts of `balances`: those of projects. */
export const balances = {
  title: 'Balances',
  lead: 'Lo extraído por proyecto y por punto.',
  project: 'Proyecto',
  none: 'Sin puntos',
  noneHint: 'Los balances aparecen con los primeros puntos.',
  total: 'Total del período',
  points: 'Puntos',
  point: 'Punto',
  days: 'Días con dato',
  share: 'Parte',
  known: (known: number, all: number) => `${known} de ${all}`,
}
