// Work that takes its time.

/** How far something is; without a percentage, that it goes on. */
export function Progress({ label, percent }: { label: string; percent?: number | undefined }) {
  const isKnown = percent !== undefined
  return (
    <div className="progress">
      <p className="progress-label">
        <span>{label}</span>
        {isKnown && <span className="numeric">{Math.round(percent)} %</span>}
      </p>
      <progress {...(isKnown ? { value: percent } : {})} max={100} aria-label={label} />
    </div>
  )
}
