// The wizard's test: the gateway reads the instrument once, for real, and somebody compares that with its display.

import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { ask } from '../api/client.ts'
import { settled } from '../api/configuration.ts'
import type { CommandResult } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { CheckField } from '../ui/form.tsx'
import { Failure } from '../ui/shown.tsx'
import { Effect } from './configuration-effect.tsx'
import { Mistakes } from './configuration-parts.tsx'
import { deviceOf } from './wizard-draft.ts'
import { BackButton, type StepProps } from './wizard-step.tsx'

type Measured = NonNullable<CommandResult['measured']>

/** The wizard's test. */
export function TestStep(props: StepProps) {
  const text = useText()
  const { draft, onChange } = props
  const [isRight, setRight] = useState(false)
  const trial = useMutation({
    mutationFn: async () => {
      setRight(false)
      const path = { gateway: draft.gateway }
      const wanted = await ask('POST /api/v1/gateways/{gateway}/configuration/device', {
        ...{ path, body: deviceOf(draft) },
      })
      if (wanted.mistakes.length > 0) return { wanted, result: null, state: 'refused' as const }
      const { document } = wanted
      const body = { document, device: draft.device }
      const command = await ask('POST /api/v1/gateways/{gateway}/trials', { path, body })
      const { result, state } = await settled(command, AbortSignal.timeout(LASTS_MS))
      return { wanted, result, state }
    },
  })
  const { data } = trial
  const measured = data?.result?.measured ?? []
  const isRead = measured.some(({ value }) => value !== null)
  return (
    <div className="stack">
      <p className="faint">{text.wizard.testLead}</p>
      <p>
        <button
          type="button"
          className="button button-main"
          disabled={trial.isPending}
          onClick={() => trial.mutate()}
        >
          {trial.isPending ? text.wizard.testing : text.wizard.test}
        </button>
      </p>
      <div role="status" className="stack">
        {trial.error !== null && <Failure error={trial.error} />}
        {data !== undefined && <Mistakes mistakes={data.wanted.mistakes} />}
        {data !== undefined && data.wanted.mistakes.length === 0 && !isRead && (
          <p className="absent">
            {text.wizard.failed}: {data.result?.reason ?? text.gateways.commandStates[data.state]}
          </p>
        )}
        {isRead && (
          <>
            <p>{text.wizard.compare}</p>
            <Tried measured={measured} />
            <CheckField name="matches" label={text.wizard.matches} value={isRight} onValue={setRight} />
            <h3>{text.wizard.effect}</h3>
            <Effect effect={data?.wanted.effect ?? null} />
          </>
        )}
      </div>
      <div className="form-actions">
        <button
          type="button"
          className="button button-main"
          disabled={!isRight}
          onClick={() => onChange({ step: draft.step + 1 })}
        >
          {text.wizard.next}
        </button>
        <BackButton {...props} />
      </div>
    </div>
  )
}

const LASTS_MS = 60_000

function Tried({ measured }: { measured: Measured }) {
  const text = useText()
  const format = useFormat()
  return (
    <table className="table tried" aria-label={text.wizard.compare}>
      <thead>
        <tr>
          <th>{text.wizard.variable}</th>
          <th className="right">{text.wizard.value}</th>
        </tr>
      </thead>
      <tbody>
        {measured.map(({ variable, value, unit, quality }) => (
          <tr key={variable}>
            <td>{text.variable[variable as keyof typeof text.variable] ?? variable}</td>
            <td className="right">
              {value === null ? (
                <span className="absent">{quality}</span>
              ) : (
                <span className="numeric">
                  {format.number(value, 3)} <span className="unit">{unit}</span>
                </span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
