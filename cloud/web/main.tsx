// The web application: one document, drawn into by React.

import './styles/base.css'
import './styles/shell.css'
import './styles/parts.css'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { openQueries } from './api/queries.ts'
import { LanguageProvider } from './i18n/language.tsx'
import { openRouter } from './router.tsx'
import { applyTheme, chosenTheme } from './theme.ts'

applyTheme(chosenTheme())
const queries = openQueries(() => {
  const { pathname, href } = router.state.location
  if (pathname !== '/sign-in') router.navigate({ to: '/sign-in', search: { next: href } })
})
const router = openRouter(queries)

const root = document.getElementById('app')
if (root === null) throw new Error('The document has no #app')
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <LanguageProvider>
        <RouterProvider router={router} />
      </LanguageProvider>
    </QueryClientProvider>
  </StrictMode>,
)
