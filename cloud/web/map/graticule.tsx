// Lines of longitude and latitude, with their degrees at the edges.

import { useFormat } from '../i18n/language.tsx'
import { gridStep, latitudeOf, multiples, project, type Size, toScreen, type View } from './view.ts'

const SPACE_PX = 110

/** Lines of longitude and latitude. */
export function Graticule({ view, size }: { view: View; size: Size }) {
  const format = useFormat()
  const { width, height } = size
  const step = gridStep(view.scale, SPACE_PX)
  const decimals = step >= 1 ? 0 : step >= 0.1 ? 1 : 2
  const half = { x: width / 2 / view.scale, y: height / 2 / view.scale }
  const meridians = multiples(step, view.x - half.x, view.x + half.x)
  const parallels = multiples(step, latitudeOf(view.y + half.y), latitudeOf(view.y - half.y))
  const degrees = (value: number, positive: string, negative: string) =>
    `${format.number(Math.abs(value), decimals)}° ${value < 0 ? negative : positive}`
  return (
    <g className="graticule">
      {meridians.map(longitude => {
        const { x } = toScreen(project(longitude, 0), view, size)
        return (
          <g key={`x${longitude}`}>
            <path d={`M${x} 0V${height}`} />
            <text x={x + 4} y={height - 5}>
              {degrees(longitude, 'E', 'O')}
            </text>
          </g>
        )
      })}
      {parallels.map(latitude => {
        const { y } = toScreen(project(0, latitude), view, size)
        return (
          <g key={`y${latitude}`}>
            <path d={`M0 ${y}H${width}`} />
            <text x={width - 5} y={y - 4} textAnchor="end">
              {degrees(latitude, 'N', 'S')}
            </text>
          </g>
        )
      })}
    </g>
  )
}
