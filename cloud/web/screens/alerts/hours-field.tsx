// Hours of days of the week: when a rule looks, or when somebody wants quiet.

import { useText } from '../../i18n/language.tsx'
import { Icon } from '../../ui/icons.tsx'
import type { Hours } from './rule-draft.ts'

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

/** A list of hours that can be added to. */
export function HoursField({
  legend,
  hint,
  none,
  value,
  onValue,
}: {
  legend: string
  hint?: string
  /** What it means that there are none. */
  none: string
  value: readonly Hours[]
  onValue: (value: Hours[]) => void
}) {
  const text = useText()
  const change = (index: number, next: Partial<Hours>) =>
    onValue(value.map((one, place) => (place === index ? { ...one, ...next } : one)))
  return (
    <fieldset className="list-field">
      <legend>{legend}</legend>
      {hint !== undefined && <p className="field-hint">{hint}</p>}
      {value.length === 0 && <p className="faint">{none}</p>}
      {value.map((hours, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: hours have nothing but their place
        <div key={index} className="hours-row">
          <span className="days">
            {DAYS.map(day => (
              <label key={day} className="day">
                <input
                  type="checkbox"
                  checked={hours.days.includes(day)}
                  onChange={() =>
                    change(index, {
                      days: DAYS.filter(one => hours.days.includes(one) !== (one === day)),
                    })
                  }
                />
                <span>{text.alerts.days[day]}</span>
              </label>
            ))}
          </span>
          <Time label={text.alerts.from} value={hours.from} onValue={from => change(index, { from })} />
          <Time label={text.alerts.to} value={hours.to} onValue={to => change(index, { to })} />
          <button
            type="button"
            className="icon-button"
            onClick={() => onValue(value.filter((_, place) => place !== index))}
          >
            <Icon name="close" size={16} />
            <span className="visually-hidden">{text.alerts.remove}</span>
          </button>
        </div>
      ))}
      <button
        type="button"
        className="button button-small"
        onClick={() =>
          onValue([...value, { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '22:00', to: '07:00' }])
        }
      >
        <Icon name="plus" size={16} />
        {text.alerts.addHours}
      </button>
    </fieldset>
  )
}

function Time({ label, value, onValue }: { label: string; value: string; onValue: (value: string) => void }) {
  return (
    <label className="time">
      <span>{label}</span>
      <input
        className="input numeric"
        value={value}
        maxLength={5}
        inputMode="numeric"
        pattern="([01][0-9]|2[0-3]):[0-5][0-9]|24:00"
        required
        onChange={({ target }) => onValue(target.value)}
      />
    </label>
  )
}
