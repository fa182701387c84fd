// A point as it is now and as it was: newest values, the well in section, charts, consumption, facts.

import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { variablesQuery } from '../api/entities.ts'
import { latestQuery, overviewQuery, pointQuery } from '../api/queries.ts'
import type { Latest, Point } from '../api/types.ts'
import { History } from '../chart/history.tsx'
import { useFormat, useText } from '../i18n/language.tsx'
import { Age, useNow } from '../ui/now.tsx'
import { Panel } from '../ui/panel.tsx'
import { latestOf, Reading } from '../ui/reading.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { useRestLevel } from '../well/rest-level.ts'
import { WellSection } from '../well/section.tsx'
import { ConsumptionPanel } from './consumption.tsx'

const route = getRouteApi('/shell/points/$point')

/** A point as it is now and as it was. */
export function PointNow() {
  const text = useText()
  const { point: key } = route.useParams()
  const { data: point } = useQuery(pointQuery(key))
  const latest = useQuery(latestQuery(key))
  if (point === undefined) return null
  return (
    <Shown query={latest} lines={8}>
      {({ latest: values }) =>
        values.length === 0 ? (
          <div className="stack">
            <div className="panel">
              <Empty title={text.point.noValues} hint={text.point.noValuesHint} />
            </div>
            <Facts point={point} />
          </div>
        ) : (
          <div className="point">
            <Values point={key} values={values} />
            <div className="point-side stack">
              {point.kind === 'groundwater' && <WellPanel point={point} values={values} />}
              <Facts point={point} />
            </div>
            <div className="point-main stack">
              <History point={key} since={Date.parse(point.createdAt)} variables={chartedOf(values)} />
              <ConsumptionPanel point={key} />
            </div>
          </div>
        )
      }
    </Shown>
  )
}

const CHARTED = ['flow', 'water_table', 'stage', 'volume', 'total'] as const

/** The variables that are drawn: flow, level, and one of the totals. */
function chartedOf(values: readonly Latest[]): (typeof CHARTED)[number][] {
  const had = CHARTED.filter(name => values.some(({ variable }) => variable === name))
  return had.filter(name => name !== 'total' || !had.includes('volume'))
}

/** Under the names, in the order and with the decimals that this point's are shown with. */
function Values({ point, values }: { point: string; values: readonly Latest[] }) {
  const text = useText()
  const { data } = useQuery(variablesQuery(point))
  const displays = new Map(data?.items.map(one => [one.variable, one]))
  const placeOf = (one: Latest) => displays.get(one.variable)?.place ?? PLACE_LAST + orderOf(one)
  const shown = values
    .filter(({ variable }) => displays.get(variable)?.hidden !== true)
    .toSorted((a, b) => placeOf(a) - placeOf(b))
  return (
    <section className="values" aria-label={text.point.now}>
      {shown.map(one => (
        <div key={one.variable} className="value">
          <h2>{displays.get(one.variable)?.label ?? text.variable[one.variable]}</h2>
          <p className="value-number">
            <Reading latest={one} decimals={displays.get(one.variable)?.decimals ?? null} />
          </p>
          <Since latest={one} />
        </div>
      ))}
    </section>
  )
}

/** Behind every place that a person may give. */
const PLACE_LAST = 1_000

const ORDER = ['flow', 'water_table', 'level', 'stage', 'total', 'volume', 'pulses']
const orderOf = ({ variable }: Latest): number => {
  const place = ORDER.indexOf(variable)
  return place === -1 ? ORDER.length : place
}

function Since({ latest }: { latest: Latest }) {
  const text = useText()
  const format = useFormat()
  const now = useNow()
  const { variable, value, quality, at, goodAt, goodValue } = latest
  if (value !== null || goodAt === null || goodValue === null) {
    return (
      <p className="faint">
        <Age at={at} />
        {quality !== 'good' && <span className="absent"> · {text.quality[quality]}</span>}
      </p>
    )
  }
  const last = format.withUnit(variable, goodValue)
  return (
    <p className="faint">
      <span className="absent">{text.quality[quality]}</span>
      <br />
      {text.point.lastGood(last, format.age(Date.parse(goodAt), now))}
    </p>
  )
}

function WellPanel({ point, values }: { point: Point; values: readonly Latest[] }) {
  const text = useText()
  return (
    <Panel title={text.point.well}>
      <div className="panel-body">
        <WellSection
          depths={{ well: point.wellDepthM, pump: point.pumpDepthM, sensor: point.sensorDepthM }}
          waterTable={latestOf(values, 'water_table')?.value ?? null}
          restLevel={useRestLevel(point.key)}
          isPumping={(latestOf(values, 'flow')?.value ?? 0) > 0}
        />
      </div>
    </Panel>
  )
}

function Facts({ point }: { point: Point }) {
  const text = useText()
  const format = useFormat()
  const { data: overview } = useQuery(overviewQuery)
  const works = overview?.items.find(({ key }) => key === point.key)?.works ?? []
  const { client, project, kind, latitude, longitude, wellDepthM, pumpDepthM, sensorDepthM, note } = point
  const { dischargeDiameterIn, meterDiameterIn, meterInitialM3 } = point
  const metres = (depth: number | null) =>
    depth === null ? text.point.unknown : `${format.number(depth, 1)} m`
  const known = (name: string, value: number | null, decimals: number, unit: string): [string, string][] =>
    value === null ? [] : [[name, `${format.number(value, decimals)} ${unit}`]]
  const rows: [string, string][] = [
    [text.point.client, client],
    [text.point.project, project],
    [text.point.kind, text.point.kinds[kind]],
    [
      text.point.place,
      latitude === null || longitude === null
        ? text.point.unknown
        : `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`,
    ],
    ...works.map(({ workCode }): [string, string] => [text.point.work, workCode]),
    ...(kind === 'groundwater'
      ? ([
          [text.point.depth, metres(wellDepthM)],
          [text.point.pump, metres(pumpDepthM)],
          [text.point.sensor, metres(sensorDepthM)],
        ] satisfies [string, string][])
      : []),
    ...known(text.point.discharge, dischargeDiameterIn, 1, 'in'),
    ...known(text.point.meterDiameter, meterDiameterIn, 1, 'in'),
    ...known(text.point.meterInitial, meterInitialM3, 1, 'm³'),
    ...(note === null ? [] : ([[text.point.note, note]] satisfies [string, string][])),
  ]
  return (
    <Panel title={text.point.facts}>
      <dl className="facts panel-body">
        {rows.map(([name, value]) => (
          <div key={`${name} ${value}`} className="fact">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  )
}
