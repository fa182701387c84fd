// The well in section: ground, casing, pump, sensor and the water in it, to scale where its depths are known.

import { useId } from 'react'
import { useFormat, useText } from '../i18n/language.tsx'

const WIDTH = 300
const HEIGHT = 400
const GROUND_Y = 56
const BOTTOM_Y = 372
const LEFT = 74
const CASING = { left: LEFT, right: LEFT + 64 }
const MIDDLE = (CASING.left + CASING.right) / 2
const LABEL_X = CASING.right + 26
const LABEL_GAP = 34

/** Metres below ground; null for what is not recorded. */
interface Depths {
  well: number | null
  pump: number | null
  sensor: number | null
}

interface Label {
  y: number
  name: string
  depth: number
  kind: 'water' | 'rest' | 'pump' | 'sensor' | 'bottom'
}

/** The well in section. */
export function WellSection({
  depths,
  waterTable,
  restLevel = null,
  isPumping,
}: {
  depths: Depths
  waterTable: number | null
  /** How high the water stands while the pump rests. */
  restLevel?: number | null
  isPumping: boolean
}) {
  const text = useText()
  const format = useFormat()
  const titleId = useId()
  const clipId = useId()
  const { well, pump, sensor } = depths
  const deepest = well ?? Math.max(0, pump ?? 0, sensor ?? 0, waterTable ?? 0) * 1.15
  const isToScale = deepest > 0
  const yOf = (depth: number): number =>
    GROUND_Y + (BOTTOM_Y - GROUND_Y) * (isToScale ? Math.min(1.04, Math.max(0, depth / deepest)) : 0.5)
  const drawdown = waterTable === null || restLevel === null ? 0 : waterTable - restLevel
  const isDrawn = drawdown >= DRAWDOWN_SHOWN_M
  const labels: Label[] = [
    ...labelOf('rest', text.point.restLevel, isDrawn ? restLevel : null),
    ...labelOf('water', text.point.waterTable, waterTable),
    ...labelOf('sensor', text.point.sensor, sensor),
    ...labelOf('pump', text.point.pump, pump),
    ...labelOf('bottom', text.point.bottom, well),
  ]
  function labelOf(kind: Label['kind'], name: string, depth: number | null): Label[] {
    return depth === null ? [] : [{ kind, name, depth, y: yOf(depth) }]
  }
  const metres = (depth: number) => `${format.number(depth, kindDecimals(depth))} m`
  const said =
    waterTable === null
      ? text.point.wellNoTable
      : text.point.wellText(metres(waterTable), well === null ? '–' : metres(well))
  const waterY = waterTable === null ? undefined : yOf(waterTable)
  return (
    <figure className="well">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-labelledby={titleId}>
        <title id={titleId}>{said}</title>
        <clipPath id={clipId}>
          <path d={casingPath()} />
        </clipPath>
        <Ground />
        <path className="well-bore" d={casingPath()} />
        <g clipPath={`url(#${CSS.escape(clipId)})`}>
          {waterY !== undefined && (
            <g className="well-water" style={{ transform: `translateY(${waterY}px)` }}>
              <rect x={CASING.left} width={64} y={0} height={HEIGHT} />
              <path
                d={`M${CASING.left - 32} 0q8 -5 16 0t16 0t16 0t16 0t16 0t16 0t16 0t16 0V6H${CASING.left - 32}z`}
              />
            </g>
          )}
          {pump !== null && <Pump y={yOf(pump)} isPumping={isPumping} />}
          {sensor !== null && <Sensor y={yOf(sensor)} />}
        </g>
        <path className="well-casing" d={casingPath()} />
        {isDrawn && restLevel !== null && waterY !== undefined && (
          <Drawdown from={yOf(restLevel)} to={waterY} said={metres(Math.round(drawdown * 100) / 100)} />
        )}
        <Head isPumping={isPumping} />
        <Scale deepest={isToScale ? deepest : undefined} yOf={yOf} />
        {placed(labels).map(({ kind, name, depth, y, at }) => (
          <g key={kind} className={`well-label well-label-${kind}`}>
            <path d={`M${CASING.right + 2} ${y}L${LABEL_X - 14} ${at}H${LABEL_X - 5}`} />
            <text x={LABEL_X} y={at - 3} className="well-depth">
              {metres(depth)}
            </text>
            <text x={LABEL_X} y={at + 12} className="well-name">
              {name}
            </text>
          </g>
        ))}
      </svg>
      {isDrawn && (
        <figcaption className="faint">
          {text.point.drawdown(metres(Math.round(drawdown * 100) / 100))}
        </figcaption>
      )}
      {!isToScale && <figcaption className="faint">{text.point.scaleless}</figcaption>}
    </figure>
  )
}

/** Less than this is a wave, or the sensor's own restlessness. */
const DRAWDOWN_SHOWN_M = 0.1

/** From where the water rests to where it stands, beside the casing. */
function Drawdown({ from, to, said }: { from: number; to: number; said: string }) {
  const x = CASING.left - 8
  return (
    <g className="well-drawdown">
      <title>{said}</title>
      <path className="well-rest" d={`M${CASING.left} ${from}H${CASING.right}`} />
      <path d={`M${x} ${from}V${to}M${x - 3} ${from}h6M${x - 3} ${to}h6`} />
    </g>
  )
}

const kindDecimals = (depth: number): number => (Number.isInteger(depth) ? 0 : 2)

const casingPath = (): string =>
  `M${CASING.left} ${GROUND_Y - 18}V${BOTTOM_Y - 6}q0 6 6 6H${CASING.right - 6}q6 0 6 -6V${GROUND_Y - 18}z`

/** Labels that would lie on each other are moved apart, in their order. */
function placed(labels: readonly Label[]): (Label & { at: number })[] {
  const sorted = labels.toSorted((a, b) => a.y - b.y)
  const down: number[] = []
  for (const { y } of sorted) down.push(Math.max(y, (down.at(-1) ?? Number.NEGATIVE_INFINITY) + LABEL_GAP))
  let limit = BOTTOM_Y + 8
  for (let index = sorted.length - 1; index >= 0; index -= 1) {
    down[index] = Math.min(down[index] ?? 0, limit)
    limit = (down[index] ?? 0) - LABEL_GAP
  }
  return sorted.map((label, index) => ({ ...label, at: down[index] ?? label.y }))
}

function Ground() {
  return (
    <>
      <rect className="well-soil-1" x="0" y={GROUND_Y} width={WIDTH} height={HEIGHT - GROUND_Y} />
      <path className="well-soil-2" d={`M0 142q80 -14 150 -4t150 -6V${HEIGHT}H0z`} />
      <path className="well-soil-3" d={`M0 252q70 12 150 2t150 6V${HEIGHT}H0z`} />
      <path className="well-ground" d={`M0 ${GROUND_Y}H${WIDTH}`} />
    </>
  )
}

/** The well head, and the pipe through which water leaves. */
function Head({ isPumping }: { isPumping: boolean }) {
  return (
    <g className="well-head">
      <path className="well-pipe" d={`M${MIDDLE} ${GROUND_Y - 8}V24H${WIDTH - 96}`} />
      {isPumping && <path className="well-flow" d={`M${MIDDLE} ${GROUND_Y - 8}V24H${WIDTH - 96}`} />}
      <rect x={CASING.left - 6} y={GROUND_Y - 24} width={76} height={8} rx="2" className="well-cap" />
      <circle cx={WIDTH - 128} cy="24" r="9" className="well-meter" />
      <path d={`M${WIDTH - 132} 28l8 -8`} className="well-needle" />
    </g>
  )
}

function Pump({ y, isPumping }: { y: number; isPumping: boolean }) {
  return (
    <g>
      <path className="well-pipe" d={`M${MIDDLE} 0V${y - 12}`} />
      {isPumping && <path className="well-flow" d={`M${MIDDLE} ${y - 12}V0`} />}
      <rect className="well-pump" x={MIDDLE - 8} y={y - 14} width="16" height="28" rx="5" />
      <path
        className="well-pump-lines"
        d={`M${MIDDLE - 4} ${y - 3}h8M${MIDDLE - 4} ${y + 2}h8M${MIDDLE - 4} ${y + 7}h8`}
      />
    </g>
  )
}

function Sensor({ y }: { y: number }) {
  const x = CASING.right - 14
  return (
    <g>
      <path className="well-cable" d={`M${x} 0V${y}`} />
      <rect className="well-sensor" x={x - 4} y={y - 9} width="8" height="18" rx="4" />
    </g>
  )
}

function Scale({ deepest, yOf }: { deepest: number | undefined; yOf: (depth: number) => number }) {
  const format = useFormat()
  if (deepest === undefined) return null
  const step = [5, 10, 20, 25, 50, 100, 200].find(one => deepest / one <= 6) ?? 500
  const depths = Array.from({ length: Math.floor(deepest / step) + 1 }, (_, index) => index * step)
  return (
    <g className="well-scale">
      {depths.map(depth => (
        <g key={depth}>
          <path d={`M46 ${yOf(depth)}h8`} />
          <text x="41" y={yOf(depth) + (depth === 0 ? -7 : 4)}>
            {depth === 0 ? '0 m' : format.number(depth, 0)}
          </text>
        </g>
      ))}
      <path d={`M54 ${GROUND_Y}V${yOf(deepest)}`} />
    </g>
  )
}
