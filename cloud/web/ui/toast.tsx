// What was done, said in passing: it is read out, stays a while, and goes.

import { useSyncExternalStore } from 'react'
import { useText } from '../i18n/language.tsx'
import { Icon } from './icons.tsx'

const STAYS_MS = 6_000
const SHOWN_MAX = 3

interface Toast {
  id: number
  said: string
}

let toasts: readonly Toast[] = []
let last = 0
const listeners = new Set<() => void>()

function change(next: readonly Toast[]): void {
  toasts = next
  for (const one of listeners) one()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

/** Says that something was done. What went wrong stands where it was asked for, and does not go. */
export function say(said: string): void {
  last += 1
  const id = last
  change([...toasts, { id, said }].slice(-SHOWN_MAX))
  window.setTimeout(() => change(toasts.filter(one => one.id !== id)), STAYS_MS)
}

/** Where it is said; once, in the shell. */
export function Toasts() {
  const text = useText()
  const shown = useSyncExternalStore(subscribe, () => toasts)
  return (
    <div className="toasts" role="status">
      {shown.map(({ id, said }) => (
        <p key={id} className="toast">
          <Icon name="check" size={18} />
          <span>{said}</span>
          <button
            type="button"
            className="icon-button"
            onClick={() => change(toasts.filter(one => one.id !== id))}
          >
            <Icon name="close" size={16} />
            <span className="visually-hidden">{text.ui.close}</span>
          </button>
        </p>
      ))}
    </div>
  )
}
