// A part of a screen, with its heading.

import { type ReactNode, useId } from 'react'

/** A part of a screen: heading, what can be done with it, content. */
export function Panel({
  title,
  hint,
  actions,
  className = '',
  children,
}: {
  title: string
  hint?: string
  actions?: ReactNode
  className?: string
  children: ReactNode
}) {
  const id = useId()
  return (
    <section className={`panel ${className}`} aria-labelledby={id}>
      <header className="panel-head">
        <div>
          <h2 id={id}>{title}</h2>
          {hint !== undefined && <p className="faint">{hint}</p>}
        </div>
        {actions !== undefined && <div className="panel-actions">{actions}</div>}
      </header>
      {children}
    </section>
  )
}
