// What the place and the depths of a point must be together: asked by the API, and by the form while somebody types.

/** Where a point is, and how deep what is in it; null for what is not recorded. */
export interface PointPlace {
  latitude: number | null
  longitude: number | null
  wellDepthM: number | null
  pumpDepthM: number | null
  sensorDepthM: number | null
}

/** What is wrong with a field of it. */
export type PlaceMistake =
  | { field: 'latitude' | 'longitude'; kind: 'alone' }
  | { field: 'pumpDepthM' | 'sensorDepthM'; kind: 'below_bottom'; bottomM: number }

/** The deepest that anything may be, in metres: no well in Chile is half as deep. */
export const DEPTH_MAX_M = 2_000

/** What cannot be so. A sensor may hang above or below the pump. */
export function placeMistakes(place: PointPlace): PlaceMistake[] {
  const { latitude, longitude, wellDepthM } = place
  const mistakes: PlaceMistake[] = []
  if (latitude === null && longitude !== null) mistakes.push({ field: 'latitude', kind: 'alone' })
  if (longitude === null && latitude !== null) mistakes.push({ field: 'longitude', kind: 'alone' })
  for (const field of ['pumpDepthM', 'sensorDepthM'] as const) {
    const depth = place[field]
    if (wellDepthM !== null && depth !== null && depth > wellDepthM)
      mistakes.push({ field, kind: 'below_bottom', bottomM: wellDepthM })
  }
  return mistakes
}
