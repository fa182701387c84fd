// What several screens of configurations share: mistakes with their places, and asking for another one.

import { useQueryClient } from '@tanstack/react-query'
import type { ConfigurationMistake } from '../api/types.ts'
import { useText } from '../i18n/language.tsx'
import { say } from '../ui/toast.tsx'

/** Each mistake with its place. */
export function Mistakes({
  mistakes,
  onLine,
}: {
  mistakes: readonly ConfigurationMistake[]
  onLine?: (line: number) => void
}) {
  const text = useText()
  if (mistakes.length === 0) return null
  return (
    <ul className="mistakes">
      {mistakes.map(({ line, path, message }) => (
        <li key={`${line} ${path} ${message}`}>
          {line !== null &&
            (onLine === undefined ? (
              <strong>{text.configuration.line(line)}</strong>
            ) : (
              <button
                type="button"
                className="link"
                title={text.configuration.goTo(line)}
                onClick={() => onLine(line)}
              >
                {text.configuration.line(line)}
              </button>
            ))}{' '}
          <code>{path}</code> {message}
        </li>
      ))}
    </ul>
  )
}

/** What was asked of the gateway is asked for anew, everywhere. */
export function useAsked(gateway: string): () => Promise<void> {
  const queries = useQueryClient()
  const text = useText()
  return async () => {
    say(text.configuration.asked)
    for (const queryKey of [
      ['configuration', gateway],
      ['configuration-versions', gateway],
    ])
      await queries.invalidateQueries({ queryKey })
  }
}

/** The header that names the version that was seen. */
export const etagOf = (version: number) => ({ 'if-match': `"${version}"` })
