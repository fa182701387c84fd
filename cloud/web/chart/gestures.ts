// Moving a chart of time: by dragging, by pinching, with the wheel and a key held, with the arrow keys.

import { type KeyboardEvent, type PointerEvent, type RefObject, useEffect, useRef } from 'react'
import { now } from '../clock.ts'
import { moveView, type TimeView, zoomView } from './view.ts'

const KEY_SHARE = 0.1
const KEY_ZOOM = 1.5

/** The handlers of a frame whose view can be moved. */
export function useGestures(
  frame: RefObject<HTMLDivElement | null>,
  { view, onView }: { view: TimeView; onView: (view: TimeView) => void },
) {
  const latest = useRef({ view, onView })
  latest.current = { view, onView }
  const fingers = useRef(new Map<number, number>())

  /** The part of the frame that time is drawn in. */
  const plotBox = () => (frame.current?.querySelector('.u-over') ?? frame.current)?.getBoundingClientRect()
  const instantAt = (clientX: number): number => {
    const box = plotBox()
    const { from, to } = latest.current.view
    return box === undefined ? to : from + ((clientX - box.left) / box.width) * (to - from)
  }
  const instantRef = useRef(instantAt)
  instantRef.current = instantAt

  useEffect(() => {
    const element = frame.current
    const onWheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return
      event.preventDefault()
      const { view: shown, onView: show } = latest.current
      if (event.ctrlKey || event.metaKey) {
        show(zoomView(shown, Math.exp(event.deltaY / 240), instantRef.current(event.clientX), now()))
      } else {
        show(moveView(shown, event.deltaX / Math.max(1, element?.clientWidth ?? 1), now()))
      }
    }
    // React listens to wheels passively, and could not keep the page from zooming.
    element?.addEventListener('wheel', onWheel, { passive: false })
    return () => element?.removeEventListener('wheel', onWheel)
  }, [frame])

  const onPointerMove = (event: PointerEvent<HTMLDivElement>) => {
    const before = fingers.current.get(event.pointerId)
    const box = plotBox()
    if (before === undefined || box === undefined) return
    const other = [...fingers.current].find(([id]) => id !== event.pointerId)?.[1]
    fingers.current.set(event.pointerId, event.clientX)
    const { view: shown, onView: show } = latest.current
    if (other === undefined) {
      if (event.clientX === before) return
      event.currentTarget.setPointerCapture(event.pointerId)
      show(moveView(shown, (before - event.clientX) / box.width, now()))
      return
    }
    const factor = Math.max(8, Math.abs(before - other)) / Math.max(8, Math.abs(event.clientX - other))
    show(zoomView(shown, factor, instantAt((event.clientX + other) / 2), now()))
  }
  const forget = (event: PointerEvent<HTMLDivElement>) => void fingers.current.delete(event.pointerId)

  const onKeyDown = ({ key }: KeyboardEvent<HTMLDivElement>) => {
    const { view: shown, onView: show } = latest.current
    const middle = (shown.from + shown.to) / 2
    if (key === 'ArrowLeft') show(moveView(shown, -KEY_SHARE, now()))
    if (key === 'ArrowRight') show(moveView(shown, KEY_SHARE, now()))
    if (key === '+') show(zoomView(shown, 1 / KEY_ZOOM, middle, now()))
    if (key === '-') show(zoomView(shown, KEY_ZOOM, middle, now()))
  }
  return {
    onPointerDown: (event: PointerEvent<HTMLDivElement>) =>
      void fingers.current.set(event.pointerId, event.clientX),
    onPointerMove,
    onPointerUp: forget,
    onPointerCancel: forget,
    onLostPointerCapture: forget,
    onKeyDown,
  }
}
