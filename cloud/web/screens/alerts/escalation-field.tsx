// Who is told next when nobody acknowledges an incident, step by step.

import { useText } from '../../i18n/language.tsx'
import { RecipientsField } from './recipients-field.tsx'
import type { Step } from './rule-draft.ts'

const STEPS_MAX = 5

/** The steps of escalation, which can be added to. */
export function Escalation({ steps, onSteps }: { steps: readonly Step[]; onSteps: (steps: Step[]) => void }) {
  const text = useText()
  const change = (index: number, next: Partial<Step>) =>
    onSteps(steps.map((step, place) => (place === index ? { ...step, ...next } : step)))
  return (
    <fieldset className="list-field">
      <legend>{text.alerts.escalation}</legend>
      {steps.map((step, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a step is its place
        <div key={index} className="step-row">
          <label className="time">
            <span>
              {text.alerts.stepOf(index + 1)}: {text.alerts.stepAfter}
            </span>
            <input
              className="input"
              value={step.after}
              maxLength={12}
              required
              onChange={({ target }) => change(index, { after: target.value })}
            />
          </label>
          <RecipientsField
            legend={text.alerts.told}
            value={step.notify}
            onValue={notify => change(index, { notify })}
          />
          <button
            type="button"
            className="button button-small"
            onClick={() => onSteps(steps.filter((_, place) => place !== index))}
          >
            {text.alerts.remove}
          </button>
        </div>
      ))}
      {steps.length < STEPS_MAX && (
        <button
          type="button"
          className="button button-small"
          onClick={() => onSteps([...steps, { after: `${30 * 2 ** steps.length}m`, notify: [] }])}
        >
          {text.alerts.addStep}
        </button>
      )}
    </fieldset>
  )
}
