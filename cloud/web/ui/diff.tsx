// What differs: between two documents, field by field, and between two texts, line by line.

import { useText } from '../i18n/language.tsx'
import '../styles/diff.css'
import { fieldChanges, lineChanges } from './differences.ts'

/** The fields that two documents differ in, with what was and what is. */
export function FieldDiff({
  before,
  after,
  nameOf = path => path,
}: {
  before: unknown
  after: unknown
  /** What a field is called, by its dotted path. */
  nameOf?: (path: string) => string
}) {
  const text = useText()
  const changes = fieldChanges(before, after)
  if (changes.length === 0) return <p className="faint">{text.ui.same}</p>
  return (
    <dl className="field-diff">
      {changes.map(change => (
        <div key={change.path}>
          <dt>{nameOf(change.path)}</dt>
          <dd>
            {change.before !== undefined && (
              <del>
                <span className="visually-hidden">{text.ui.before} </span>
                {change.before}
              </del>
            )}
            {change.after !== undefined && (
              <ins>
                <span className="visually-hidden">{text.ui.after} </span>
                {change.after}
              </ins>
            )}
          </dd>
        </div>
      ))}
    </dl>
  )
}

/** Two texts line by line; what they share is shown near what differs. */
export function LineDiff({ before, after }: { before: string; after: string }) {
  const text = useText()
  const lines = lineChanges(before, after)
  if (lines.every(({ kind }) => kind === 'same')) return <p className="faint">{text.ui.same}</p>
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section className="line-diff" aria-label={text.ui.differences} tabIndex={0}>
      {lines.map(({ kind, line, number }) => (
        <p key={`${kind} ${number}`} className={`line-${kind}`}>
          <span className="line-sign" aria-hidden="true">
            {SIGNS[kind]}
          </span>
          {kind === 'left-out' ? (
            text.ui.linesLeftOut(Number(line))
          ) : (
            <>
              {kind !== 'same' && (
                <span className="visually-hidden">{kind === 'added' ? text.ui.after : text.ui.before} </span>
              )}
              {line === '' ? ' ' : line}
            </>
          )}
        </p>
      ))}
    </section>
  )
}

const SIGNS = { same: ' ', added: '+', removed: '−', 'left-out': '⋯' } as const
