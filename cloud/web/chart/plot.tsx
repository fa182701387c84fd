// uPlot within React: it is made once, and told what changes.

import { useEffect, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { onAppearance } from './colours.ts'

/** A chart: `options` are made anew for each appearance, `data` and `view` may change with every frame. */
export function Plot({
  options,
  data,
  view,
  height,
  onPlot,
}: {
  options: () => Omit<uPlot.Options, 'width' | 'height'>
  data: uPlot.AlignedData
  /** Seconds. */
  view?: { min: number; max: number }
  height: number
  onPlot?: (plot: uPlot | null) => void
}) {
  const frame = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const [appearance, setAppearance] = useState(0)
  useEffect(() => onAppearance(() => setAppearance(count => count + 1)), [])

  const first = useRef({ data, view, height, onPlot })
  first.current = { data, view, height, onPlot }
  // biome-ignore lint/correctness/useExhaustiveDependencies: colours are read anew when the appearance changes
  useEffect(() => {
    const element = frame.current
    if (element === null) return
    const made = new uPlot(
      { ...options(), width: Math.max(1, element.clientWidth), height: first.current.height },
      first.current.data,
      element,
    )
    plot.current = made
    if (first.current.view !== undefined) made.setScale('x', first.current.view)
    first.current.onPlot?.(made)
    const observer = new ResizeObserver(() =>
      made.setSize({ width: Math.max(1, element.clientWidth), height: first.current.height }),
    )
    observer.observe(element)
    return () => {
      observer.disconnect()
      first.current.onPlot?.(null)
      plot.current = null
      made.destroy()
    }
  }, [options, appearance])

  useEffect(() => {
    const shown = plot.current
    if (shown === null) return
    shown.batch(() => {
      shown.setData(data, first.current.view === undefined)
      if (first.current.view !== undefined) shown.setScale('x', first.current.view)
    })
  }, [data])
  useEffect(() => {
    if (view !== undefined) plot.current?.setScale('x', { min: view.min, max: view.max })
  }, [view?.min, view?.max, view])
  return <div className="plot" ref={frame} style={{ height }} />
}
