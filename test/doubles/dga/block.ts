// The perimeter: too much traffic, or too many duplicates, and the control centre is shut out for a while. Where the
// real limits lie nobody knows.

/** When it blocks, for how long, and how it looks. */
export interface BlockRule {
  /** So many requests within the window. */
  requests?: number
  /** So many duplicates within the window. */
  duplicates?: number
  windowMs: number
  forMs: number
  how: 'page' | 'reset'
}

/** The perimeter. */
export interface Block {
  /** Counts a request; says how it is turned away, if it is. */
  arrived(now: number): BlockRule['how'] | undefined
  duplicate(now: number): void
  /** What a support ticket gets. */
  lift(): void
}

/** Opens the perimeter; without a rule everybody passes. */
export function openBlock(rule: BlockRule | undefined): Block {
  let until = -Infinity
  const seen = { requests: [] as number[], duplicates: [] as number[] }
  const count = (kind: 'requests' | 'duplicates', now: number) => {
    if (rule === undefined) return
    seen[kind] = [...seen[kind].filter(at => at > now - rule.windowMs), now]
    if (seen[kind].length > (rule[kind] ?? Infinity)) until = now + rule.forMs
  }
  return {
    arrived(now) {
      if (now >= until) count('requests', now)
      return now < until ? rule?.how : undefined
    },
    duplicate: now => count('duplicates', now),
    lift() {
      until = -Infinity
      seen.requests = []
      seen.duplicates = []
    },
  }
}
