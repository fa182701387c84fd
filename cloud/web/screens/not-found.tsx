// An address that is no page.

import { Link } from '@tanstack/react-router'
import { useText } from '../i18n/language.tsx'
import { Empty } from '../ui/shown.tsx'

/** An address that is no page. */
export function NotFound() {
  const text = useText()
  return (
    <main className="alone">
      <h1>{text.app.notFound}</h1>
      <Empty title={text.app.notFoundHint}>
        <Link to="/" className="button">
          {text.app.home}
        </Link>
      </Empty>
    </main>
  )
}
