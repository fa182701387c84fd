// Chile and its neighbours as outlines: Natural Earth 1:10m and 1:50m (public domain), simplified to about a kilometre.
//
// land.json holds rings as differences of thousandths of a degree: x, y, dx, dy, dx, dy, …

import land from './land.json'
import { project } from './view.ts'

const toPath = (rings: readonly (readonly number[])[]): string => rings.map(toRing).join('')

function toRing(steps: readonly number[]): string {
  let [longitude, latitude] = [0, 0]
  const spots: string[] = []
  for (let at = 0; at < steps.length; at += 2) {
    longitude += steps[at] ?? 0
    latitude += steps[at + 1] ?? 0
    const { x, y } = project(longitude / 1000, latitude / 1000)
    spots.push(`${x.toFixed(4)} ${y.toFixed(4)}`)
  }
  return `M${spots.join('L')}Z`
}

/** The outline of Chile, as a path on the projected map. */
export const CHILE = toPath(land.chile)

/** The outlines of the countries around it. */
export const NEIGHBOURS = toPath(land.neighbours)
