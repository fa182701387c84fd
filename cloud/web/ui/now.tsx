// The time, for what is shown with its age: one timer for the whole application.

import { useSyncExternalStore } from 'react'
import { now } from '../clock.ts'
import { useFormat } from '../i18n/language.tsx'

const TICK_MS = 1_000
const listeners = new Set<() => void>()
let shown = now()
let timer: number | undefined

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= window.setInterval(() => {
    shown = now()
    for (const one of listeners) one()
  }, TICK_MS)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    window.clearInterval(timer)
    timer = undefined
  }
}

/** Now, to the second. */
export const useNow = (): number => useSyncExternalStore(subscribe, () => shown)

/** How long ago something was; the instant itself when one points at it. */
export function Age({ at }: { at: string | null }) {
  const format = useFormat()
  const current = useNow()
  if (at === null) return <span className="faint">{format.age(null, current)}</span>
  const instant = Date.parse(at)
  return (
    <time dateTime={at} title={format.moment(instant)} className="numeric">
      {format.age(instant, current)}
    </time>
  )
}
