// Where the points are: an outline of the land, cities to find one's way, a mark for each point or group of points.
//
// Nothing is fetched from elsewhere. The marks are links; the table beside the map says the same in words.

import { Link } from '@tanstack/react-router'
import { type PointerEvent, useEffect, useMemo, useRef, useState } from 'react'
import type { OverviewPoint } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { BY_URGENCY } from '../point-states.ts'
import { Icon } from '../ui/icons.tsx'
import { StateSign } from '../ui/state-badge.tsx'
import { CITIES } from './cities.ts'
import { Graticule } from './graticule.tsx'
import { CHILE, NEIGHBOURS } from './land.ts'
import { Locator } from './locator.tsx'
import {
  cluster,
  fitView,
  panView,
  project,
  type Size,
  type Spot,
  scaleBar,
  toScreen,
  type View,
  withoutOverlap,
  zoomView,
} from './view.ts'

const CELL_PX = 34
const ZOOM_STEP = 1.7

interface Marker extends Spot {
  point: OverviewPoint
}

/** The map of some points. */
export function PointMap({ points }: { points: readonly OverviewPoint[] }) {
  const text = useText()
  const markers = useMemo(() => toMarkers(points), [points])
  const { frame, size } = useSize()
  const [moved, setMoved] = useState<View | undefined>()
  const view = moved ?? (size === undefined ? undefined : fitView(markers, size))
  const gestures = useGestures(frame, { view, size, setView: setMoved })
  const about = { x: (size?.width ?? 0) / 2, y: (size?.height ?? 0) / 2 }
  const zoom = (factor: number) =>
    view !== undefined && size !== undefined && setMoved(zoomView(view, factor, about, size))
  const missing = points.length - markers.length
  return (
    <section className="map" aria-label={text.overview.map}>
      <div className="map-frame" ref={frame} {...gestures}>
        {view !== undefined && size !== undefined && (
          <>
            <Land view={view} size={size} />
            <Markers markers={markers} view={view} size={size} onZoom={setMoved} />
            <Locator view={view} size={size} />
            <ScaleBar view={view} />
          </>
        )}
      </div>
      <div className="map-buttons">
        <button type="button" className="icon-button" onClick={() => zoom(ZOOM_STEP)}>
          <Icon name="plus" />
          <span className="visually-hidden">{text.overview.zoomIn}</span>
        </button>
        <button type="button" className="icon-button" onClick={() => zoom(1 / ZOOM_STEP)}>
          <Icon name="minus" />
          <span className="visually-hidden">{text.overview.zoomOut}</span>
        </button>
        <button type="button" className="icon-button" onClick={() => setMoved(undefined)}>
          <Icon name="fit" />
          <span className="visually-hidden">{text.overview.fit}</span>
        </button>
      </div>
      {missing > 0 && <p className="map-missing">{text.overview.noPlace(missing)}</p>}
    </section>
  )
}

function toMarkers(points: readonly OverviewPoint[]): Marker[] {
  return points.flatMap(point => {
    const { latitude, longitude } = point
    return latitude === null || longitude === null ? [] : [{ point, ...project(longitude, latitude) }]
  })
}

function useSize() {
  const frame = useRef<HTMLDivElement>(null)
  const [size, setSize] = useState<Size | undefined>()
  useEffect(() => {
    const element = frame.current
    if (element === null) return
    const observer = new ResizeObserver(() =>
      setSize({ width: element.clientWidth, height: element.clientHeight }),
    )
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  return { frame, size }
}

/** Dragging moves, the wheel and two fingers zoom. */
function useGestures(
  frame: React.RefObject<HTMLDivElement | null>,
  { view, size, setView }: { view: View | undefined; size: Size | undefined; setView: (view: View) => void },
) {
  const fingers = useRef(new Map<number, Spot>())
  const current = useRef({ view, size })
  current.current = { view, size }
  useEffect(() => {
    const element = frame.current
    const onWheel = (event: WheelEvent) => {
      const { view: from, size: within } = current.current
      if (from === undefined || within === undefined) return
      event.preventDefault()
      const about = { x: event.offsetX, y: event.offsetY }
      if (event.target !== element && element !== null) {
        const box = element.getBoundingClientRect()
        about.x = event.clientX - box.left
        about.y = event.clientY - box.top
      }
      setView(zoomView(from, Math.exp(-event.deltaY / 320), about, within))
    }
    // React listens to wheels passively, and could not keep the page from scrolling.
    element?.addEventListener('wheel', onWheel, { passive: false })
    return () => element?.removeEventListener('wheel', onWheel)
  }, [frame, setView])
  const onPointerMove = (event: PointerEvent<HTMLDivElement>) => {
    const before = fingers.current.get(event.pointerId)
    if (before === undefined || view === undefined || size === undefined) return
    const at = { x: event.clientX, y: event.clientY }
    const others = [...fingers.current].filter(([id]) => id !== event.pointerId).map(([, spot]) => spot)
    fingers.current.set(event.pointerId, at)
    const [other] = others
    if (other === undefined) {
      if (Math.hypot(at.x - before.x, at.y - before.y) > 0)
        event.currentTarget.setPointerCapture(event.pointerId)
      setView(panView(view, at.x - before.x, at.y - before.y))
      return
    }
    const box = event.currentTarget.getBoundingClientRect()
    const middle = { x: (at.x + other.x) / 2 - box.left, y: (at.y + other.y) / 2 - box.top }
    const apart = (one: Spot) => Math.max(1, Math.hypot(one.x - other.x, one.y - other.y))
    setView(zoomView(view, apart(at) / apart(before), middle, size))
  }
  const forget = (event: PointerEvent<HTMLDivElement>) => void fingers.current.delete(event.pointerId)
  return {
    onPointerDown: (event: PointerEvent<HTMLDivElement>) =>
      void fingers.current.set(event.pointerId, { x: event.clientX, y: event.clientY }),
    onPointerMove,
    onPointerUp: forget,
    onPointerCancel: forget,
    onLostPointerCapture: forget,
  }
}

function Land({ view, size }: { view: View; size: Size }) {
  const { x, y } = toScreen({ x: 0, y: 0 }, view, size)
  const rank = view.scale < 14 ? 1 : view.scale < 60 ? 2 : 3
  const cities = CITIES.filter(one => one.rank <= rank)
    .map(one => ({ ...one, ...toScreen(project(one.longitude, one.latitude), view, size) }))
    .filter(one => one.x > -60 && one.x < size.width + 60 && one.y > -10 && one.y < size.height + 10)
  return (
    <svg className="land" width={size.width} height={size.height} aria-hidden="true">
      <g transform={`translate(${x} ${y}) scale(${view.scale})`}>
        <path className="land-other" d={NEIGHBOURS} vectorEffect="non-scaling-stroke" />
        <path className="land-chile" d={CHILE} vectorEffect="non-scaling-stroke" />
      </g>
      <Graticule view={view} size={size} />
      {cities.map(one => (
        <g key={one.name} transform={`translate(${one.x} ${one.y})`} className="city">
          <circle r="1.8" />
          <text x="6" y="4">
            {one.name}
          </text>
        </g>
      ))}
    </svg>
  )
}

function Markers({
  markers,
  view,
  size,
  onZoom,
}: {
  markers: readonly Marker[]
  view: View
  size: Size
  onZoom: (view: View) => void
}) {
  const text = useText()
  const groups = useMemo(() => cluster(markers, view.scale, CELL_PX), [markers, view.scale])
  const seen = groups
    .map(group => ({ group, ...toScreen(middleOf(group), view, size) }))
    .filter(({ x, y }) => x > -20 && x < size.width + 20 && y > -20 && y < size.height + 20)
  const named = withoutOverlap(
    seen.filter(({ group }) => group.length === 1),
    { width: ({ group }) => 30 + 7 * (group[0]?.point.name.length ?? 0), height: 24 },
  )
  return seen.map(place => {
    const { group, x, y } = place
    const [first] = group
    if (first === undefined) return null
    const style = { transform: `translate(${x}px, ${y}px)` }
    if (group.length === 1) {
      const { key, name, state } = first.point
      return (
        <Link
          key={key}
          to="/points/$point"
          params={{ point: key }}
          className="marker"
          style={style}
          draggable={false}
        >
          <StateSign state={state} size={15} />
          <span className={named.has(place) ? 'marker-name' : 'marker-name marker-name-late'}>{name}</span>
          <span className="visually-hidden">{text.state[state]}</span>
        </Link>
      )
    }
    const worst = BY_URGENCY.find(state => group.some(({ point }) => point.state === state)) ?? 'never'
    return (
      <button
        key={first.point.key}
        type="button"
        className={`marker-group badge-${worst}`}
        style={style}
        onClick={() => onZoom(fitView(group, size))}
      >
        <span aria-hidden="true">{group.length}</span>
        <span className="visually-hidden">{text.overview.cluster(group.length)}</span>
      </button>
    )
  })
}

function middleOf(group: readonly Spot[]): Spot {
  const sum = group.reduce((total, { x, y }) => ({ x: total.x + x, y: total.y + y }), { x: 0, y: 0 })
  return { x: sum.x / group.length, y: sum.y / group.length }
}

function ScaleBar({ view }: { view: View }) {
  const format = useFormat()
  const { metres, px } = scaleBar(view, 90)
  const label = metres < 1000 ? `${format.number(metres, 0)} m` : `${format.number(metres / 1000, 0)} km`
  return (
    <div className="scale-bar" aria-hidden="true">
      <span>{label}</span>
      <i style={{ width: px }} />
    </div>
  )
}
