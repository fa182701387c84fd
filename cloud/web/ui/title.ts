// What the browser's tab says.

import { useEffect } from 'react'

/** Names the page. */
export function useTitle(title: string | undefined): void {
  useEffect(() => {
    document.title = title === undefined ? 'SmartHydro' : `${title} · SmartHydro`
  }, [title])
}
