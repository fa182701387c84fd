// What the wizard's steps share: what they are given, and the way on and back.

import type { ReactNode } from 'react'
import { useText } from '../i18n/language.tsx'
import { Form } from '../ui/form.tsx'
import { isComplete, type WizardDraft } from './wizard-draft.ts'

/** What every step is given. */
export interface StepProps {
  draft: WizardDraft
  onChange: (changed: Partial<WizardDraft>) => void
}

/** A step that is a form: on with it, or back. */
export function StepForm({ draft, onChange, children }: StepProps & { children: ReactNode }) {
  const text = useText()
  const { step } = draft
  return (
    <Form
      error={null}
      isDisabled={!isComplete(draft, step)}
      submit={text.wizard.next}
      actions={step === 0 ? null : <BackButton draft={draft} onChange={onChange} />}
      onSubmit={() => onChange({ step: step + 1 })}
    >
      {children}
    </Form>
  )
}

/** Back to the step before. */
export function BackButton({ draft, onChange }: StepProps) {
  const text = useText()
  return (
    <button type="button" className="button" onClick={() => onChange({ step: draft.step - 1 })}>
      {text.wizard.back}
    </button>
  )
}

/** A field of the draft. */
export function useFields({ draft, onChange }: StepProps) {
  return <Name extends keyof WizardDraft & string>(name: Name) => ({
    name,
    value: draft[name] as string,
    onValue: (value: string) => onChange({ [name]: value } as Partial<WizardDraft>),
  })
}
