// Where a map looks, as plain numbers: Mercator's projection, zooming about a point, which markers stand together.

/** A place on the projected map, in degrees of longitude at the equator; y grows southwards. */
export interface Spot {
  x: number
  y: number
}

/** What is in the middle, and how many pixels a unit is. */
export interface View extends Spot {
  scale: number
}

/** How large the map is drawn. */
export interface Size {
  width: number
  height: number
}

const RADIANS = Math.PI / 180
const SCALE_MIN = 3
/** About 8 m a pixel in the middle of Chile. */
const SCALE_MAX = 12_000

/** Where a place is on the projected map. */
export function project(longitude: number, latitude: number): Spot {
  return { x: longitude, y: -Math.log(Math.tan(Math.PI / 4 + (latitude * RADIANS) / 2)) / RADIANS }
}

/** The latitude of a place on the projected map. */
export function latitudeOf(y: number): number {
  return (2 * Math.atan(Math.exp(-y * RADIANS)) - Math.PI / 2) / RADIANS
}

/** Where a spot is drawn. */
export function toScreen({ x, y }: Spot, view: View, { width, height }: Size): Spot {
  return { x: (x - view.x) * view.scale + width / 2, y: (y - view.y) * view.scale + height / 2 }
}

/** A view in which all spots are seen, none too near the edge. One spot alone is seen with some land around it. */
export function fitView(spots: readonly Spot[], { width, height }: Size): View {
  if (spots.length === 0) return fitView([project(-75.6, -17.5), project(-66.4, -56)], { width, height })
  const xs = spots.map(({ x }) => x)
  const ys = spots.map(({ y }) => y)
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const margin = Math.min(56, width / 5, height / 5)
  const across = Math.max(right - left, 0.06)
  const down = Math.max(bottom - top, 0.06)
  const scale = Math.min((width - 2 * margin) / across, (height - 2 * margin) / down)
  return { x: (left + right) / 2, y: (top + bottom) / 2, scale: clampScale(scale) }
}

/** The view closer or wider about a place on the screen, which stays where it is. */
export function zoomView(view: View, factor: number, about: Spot, { width, height }: Size): View {
  const scale = clampScale(view.scale * factor)
  const dx = (about.x - width / 2) * (1 / view.scale - 1 / scale)
  const dy = (about.y - height / 2) * (1 / view.scale - 1 / scale)
  return { x: view.x + dx, y: view.y + dy, scale }
}

/** The view moved by so many pixels. */
export function panView(view: View, dx: number, dy: number): View {
  return { ...view, x: view.x - dx / view.scale, y: view.y - dy / view.scale }
}

const clampScale = (scale: number): number => Math.min(SCALE_MAX, Math.max(SCALE_MIN, scale))

/** Markers that would touch, as one. Moving the map does not change which do. */
export function cluster<Marker extends Spot>(
  markers: readonly Marker[],
  scale: number,
  cellPx: number,
): Marker[][] {
  const cell = cellPx / scale
  const cells = Map.groupBy(markers, ({ x, y }) => `${Math.floor(x / cell)} ${Math.floor(y / cell)}`)
  return [...cells.values()]
}

/** Labels that would lie on one that was placed before are left out. */
export function withoutOverlap<Placed extends Spot>(
  places: readonly Placed[],
  { width, height }: { width: (place: Placed) => number; height: number },
): Set<Placed> {
  const kept: Placed[] = []
  for (const place of places) {
    const isFree = kept.every(
      other =>
        Math.abs(other.y - place.y) >= height ||
        place.x >= other.x + width(other) ||
        other.x >= place.x + width(place),
    )
    if (isFree) kept.push(place)
  }
  return new Set(kept)
}

/** Degrees apart that lines of a grid stand so that few are seen. */
export function gridStep(scale: number, pxMin: number): number {
  const least = pxMin / scale
  return [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5].find(one => one >= least) ?? 10
}

/** The multiples of a step between two numbers. */
export function multiples(step: number, least: number, most: number): number[] {
  const first = Math.ceil(least / step)
  const count = Math.max(0, Math.floor(most / step) - first + 1)
  return Array.from({ length: Math.min(count, 60) }, (_, index) => (first + index) * step)
}

const METRES_PER_UNIT = 111_319.5

/** A round length that a scale bar of at most so many pixels stands for. */
export function scaleBar({ y, scale }: View, pxMax: number): { metres: number; px: number } {
  const metresPerPx = (METRES_PER_UNIT * Math.cos(latitudeOf(y) * RADIANS)) / scale
  const most = metresPerPx * pxMax
  const power = 10 ** Math.floor(Math.log10(most))
  const metres = power * ([5, 2, 1].find(one => one * power <= most) ?? 1)
  return { metres, px: metres / metresPerPx }
}
