// What is the same on all pages of declaring: their heading, and the way from one to another.

import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useText } from '../i18n/language.tsx'
import { useMay } from '../may.ts'
import '../styles/compliance.css'
import '../styles/dga.css'
import { TabLinks } from '../ui/tabs.tsx'
import { useTitle } from '../ui/title.ts'

/** A page of declaring. */
export function DgaFrame({ title, children }: { title: string; children: ReactNode }) {
  const text = useText()
  const mayOperate = useMay('operate')
  useTitle(title)
  return (
    <>
      <div className="page-head">
        <h1>{text.compliance.title}</h1>
      </div>
      <TabLinks label={text.compliance.tabs}>
        <Link to="/dga" activeOptions={{ exact: true }} className="tab">
          {text.compliance.works}
        </Link>
        <Link to="/dga/reconciliation" className="tab">
          {text.compliance.reconciliation}
        </Link>
        <Link to="/dga/faults" className="tab">
          {text.compliance.faults}
        </Link>
        {mayOperate && (
          <Link to="/dga/sending" className="tab">
            {text.compliance.sending}
          </Link>
        )}
      </TabLinks>
      {children}
    </>
  )
}
