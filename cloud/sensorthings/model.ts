// The entities of OGC SensorThings 1.1 and what each leads to, made from points and series.
//
//   Thing              a point                    id: the point's number
//   Location           where it is, if known      id: the point's
//   FeatureOfInterest  the same, as what is felt  id: the point's
//   Datastream         a variable of a point      id: the series' number
//   Sensor             what measures it           id: the series'
//   ObservedProperty   a variable                 id: its code
//   Observation        a reading                  id: '<series>_<epoch milliseconds>'
//
// Points do not move: there are no HistoricalLocations.

import { pointKey } from '../../protocol/ids.ts'
import { VARIABLES, type Variable, variableOf } from '../../protocol/variables.ts'
import { flagNames } from '../flags.ts'
import type { ReadingRow } from '../store/queries.ts'
import type { ThingRow } from '../store/sensorthings.ts'

/** Each kind, by the name of its collection, and where its entities lead. */
export const LINKS = {
  Things: { Datastreams: 'Datastreams', Locations: 'Locations', HistoricalLocations: 'HistoricalLocations' },
  Locations: { Things: 'Things', HistoricalLocations: 'HistoricalLocations' },
  HistoricalLocations: { Thing: 'Things', Locations: 'Locations' },
  Datastreams: {
    ...{ Thing: 'Things', Sensor: 'Sensors', ObservedProperty: 'ObservedProperties' },
    Observations: 'Observations',
  },
  Sensors: { Datastreams: 'Datastreams' },
  ObservedProperties: { Datastreams: 'Datastreams' },
  Observations: { Datastream: 'Datastreams', FeatureOfInterest: 'FeaturesOfInterest' },
  FeaturesOfInterest: { Observations: 'Observations' },
} as const satisfies Record<string, Record<string, string>>

/** The name of a collection. */
export type Kind = keyof typeof LINKS

/** All of them, as the root lists them. */
export const KINDS = Object.keys(LINKS) as Kind[]

/** Whether a text is the name of a collection. */
export const isKind = (text: string): text is Kind => Object.hasOwn(LINKS, text)

/** Where a link of a kind leads; `undefined` when it has no such link. */
export function linkOf(kind: Kind, name: string): { kind: Kind; isMany: boolean } | undefined {
  const target = (LINKS[kind] as Record<string, string>)[name]
  return target !== undefined && isKind(target) ? { kind: target, isMany: name === target } : undefined
}

/** A variable of a point. */
export interface SeriesOf {
  id: number
  code: number
  variable: Variable
  thing: ThingRow
}

/** One entity. */
export interface Entity {
  kind: Kind
  id: number | string
  /** What it is made of, in the order in which it is shown. */
  properties: Record<string, unknown>
  /** Its point, or its series: what it leads to. */
  of: { thing?: ThingRow; series?: SeriesOf; code?: number }
}

/** All that somebody may see, but for observations. */
export interface World {
  things: readonly ThingRow[]
  series: readonly SeriesOf[]
  seriesOfThing(id: number): readonly SeriesOf[]
}

/** The world of these points. */
export function toWorld(things: readonly ThingRow[]): World {
  const series = things.flatMap(thing =>
    thing.series.flatMap(({ id, variable: code }) => {
      const variable = variableOf(code)
      return variable === undefined ? [] : [{ id, code, variable, thing }]
    }),
  )
  const byThing = Map.groupBy(series, ({ thing }) => thing.id)
  return { things, series, seriesOfThing: id => byThing.get(id) ?? [] }
}

/** All entities of a kind. Observations are not in the world. */
export function entitiesOf(world: World, kind: Exclude<Kind, 'Observations'>): Entity[] {
  switch (kind) {
    case 'Things':
      return world.things.map(toThing)
    case 'Locations':
      return world.things.filter(hasPlace).map(toLocation)
    case 'HistoricalLocations':
      return []
    case 'FeaturesOfInterest':
      return world.things.map(toFeature)
    case 'Datastreams':
      return world.series.map(toDatastream)
    case 'Sensors':
      return world.series.map(toSensor)
    case 'ObservedProperties':
      return [...new Set(world.series.map(({ code }) => code))].sort((a, b) => a - b).map(toObservedProperty)
  }
}

/** What a link of an entity leads to, but to observations. */
export function related(world: World, { kind, of }: Entity, to: Exclude<Kind, 'Observations'>): Entity[] {
  const { thing = of.series?.thing, series, code = series?.code } = of
  switch (to) {
    case 'HistoricalLocations':
      return []
    case 'Things':
      return thing === undefined ? [] : [toThing(thing)]
    case 'Locations':
      return thing !== undefined && hasPlace(thing) ? [toLocation(thing)] : []
    case 'FeaturesOfInterest':
      return thing === undefined ? [] : [toFeature(thing)]
    case 'Sensors':
      return series === undefined ? [] : [toSensor(series)]
    case 'ObservedProperties':
      return code === undefined ? [] : [toObservedProperty(code)]
    case 'Datastreams':
      if (series !== undefined) return [toDatastream(series)]
      if (kind === 'ObservedProperties')
        return world.series.filter(one => one.code === code).map(toDatastream)
      return thing === undefined ? [] : world.seriesOfThing(thing.id).map(toDatastream)
  }
}

/** The series whose values an entity leads to. */
export function seriesBehind(world: World, { kind, of }: Entity): readonly SeriesOf[] {
  if (kind === 'Datastreams') return of.series === undefined ? [] : [of.series]
  return of.thing === undefined ? [] : world.seriesOfThing(of.thing.id)
}

const hasPlace = ({ latitude, longitude }: ThingRow): boolean => latitude !== null && longitude !== null

const placeOf = ({ latitude, longitude }: ThingRow) =>
  latitude === null || longitude === null ? null : { type: 'Point', coordinates: [longitude, latitude] }

const describe = ({ client, project, point }: ThingRow): string => `Point ${point} of ${client}, ${project}`

function toThing(thing: ThingRow): Entity {
  const { client, project, kind, wellDepthM, pumpDepthM, sensorDepthM } = thing
  const properties = {
    ...{ name: thing.name, description: describe(thing) },
    properties: { key: pointKey(thing), client, project, kind, wellDepthM, pumpDepthM, sensorDepthM },
  }
  return { kind: 'Things', id: thing.id, properties, of: { thing } }
}

function toLocation(thing: ThingRow): Entity {
  const properties = {
    ...{ name: thing.name, description: describe(thing), encodingType: 'application/geo+json' },
    location: placeOf(thing),
  }
  return { kind: 'Locations', id: thing.id, properties, of: { thing } }
}

function toFeature(thing: ThingRow): Entity {
  const properties = {
    ...{ name: thing.name, description: describe(thing), encodingType: 'application/geo+json' },
    feature: placeOf(thing),
  }
  return { kind: 'FeaturesOfInterest', id: thing.id, properties, of: { thing } }
}

const MEASUREMENT = 'http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement'

function toDatastream(series: SeriesOf): Entity {
  const { variable, thing } = series
  const { unit, origin, dimension } = VARIABLES[variable]
  const properties = {
    ...{ name: `${variable} of ${pointKey(thing)}`, description: `${variable} (${unit}), ${origin}` },
    ...{ observationType: MEASUREMENT, unitOfMeasurement: { name: unit, symbol: unit, definition: null } },
    properties: { variable, origin, dimension },
  }
  return { kind: 'Datastreams', id: series.id, properties, of: { series } }
}

function toSensor(series: SeriesOf): Entity {
  const { variable, thing } = series
  const { origin } = VARIABLES[variable]
  const what = origin === 'derived' ? 'Computed' : 'Measured'
  const properties = {
    ...{ name: `${variable} at ${pointKey(thing)}`, description: `${what} at ${thing.name}` },
    ...{ encodingType: 'text/plain', metadata: `${what} by SmartHydro: ${variable}` },
  }
  return { kind: 'Sensors', id: series.id, properties, of: { series } }
}

function toObservedProperty(code: number): Entity {
  const variable = variableOf(code) ?? 'unknown'
  const unit = variable === 'unknown' ? '' : VARIABLES[variable].unit
  const properties = {
    ...{ name: variable, definition: `urn:smarthydro:variable:${variable}` },
    description: `${variable} (${unit})`,
  }
  return { kind: 'ObservedProperties', id: code, properties, of: { code } }
}

/** What a reading is as an Observation. */
export function toObservation(
  series: SeriesOf,
  row: ReadingRow,
  named: { quality: string; timeQuality: string },
): Entity {
  const at = new Date(row.at).toISOString()
  const properties = {
    ...{ phenomenonTime: at, resultTime: at, result: row.value },
    parameters: { ...named, flags: flagNames(row.flags) },
  }
  return {
    kind: 'Observations',
    id: `${series.id}_${row.at}`,
    properties,
    of: { series, thing: series.thing },
  }
}
