// Where in Chile the map looks: the whole country, small, with a frame.

import { CHILE } from './land.ts'
import { project, type Size, type View } from './view.ts'

const TOP_LEFT = project(-76.2, -17)
const BOTTOM_RIGHT = project(-66, -56.2)
const BOX = { width: BOTTOM_RIGHT.x - TOP_LEFT.x, height: BOTTOM_RIGHT.y - TOP_LEFT.y }
const HEIGHT_PX = 150
/** Wider than this the map itself shows where it is. */
const NEEDED_BELOW = 12

/** Where in Chile the map looks; nothing while that can be seen on the map itself. */
export function Locator({ view, size }: { view: View; size: Size }) {
  const across = size.width / view.scale
  const down = size.height / view.scale
  if (down > NEEDED_BELOW || size.height < 2 * HEIGHT_PX) return null
  const px = BOX.height / HEIGHT_PX
  const frame = { width: Math.max(across, 7 * px), height: Math.max(down, 7 * px) }
  return (
    <svg
      className="locator"
      height={HEIGHT_PX}
      width={(BOX.width / BOX.height) * HEIGHT_PX}
      viewBox={`${TOP_LEFT.x} ${TOP_LEFT.y} ${BOX.width} ${BOX.height}`}
      aria-hidden="true"
    >
      <path className="land-chile" d={CHILE} vectorEffect="non-scaling-stroke" />
      <rect
        className="locator-frame"
        x={view.x - frame.width / 2}
        y={view.y - frame.height / 2}
        {...frame}
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  )
}
