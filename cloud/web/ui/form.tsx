// Forms: what was typed, what is wrong with it, and sending it. A field is called what the API calls it, so that what the API
// says of a field stands at that field; what it says of none stands above them all.

import {
  createContext,
  type FormEvent,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useId,
  useMemo,
  useState,
} from 'react'
import { ApiProblem } from '../api/client.ts'
import { useText } from '../i18n/language.tsx'
import '../styles/form.css'
import { Icon } from './icons.tsx'
import { useReason } from './reason.ts'

/** What the fields of a form hold: as it was typed. */
type Values = Record<string, string | boolean>

/** What a field is given to be one of a form. */
interface FieldOf<Value> {
  name: string
  value: Value
  onValue: (value: Value) => void
}

/** The values of a form, as typed. */
export function useForm<Typed extends Values>(initial: Typed) {
  const [values, setValues] = useState<Typed>(initial)
  const set = useCallback(
    <Name extends keyof Typed & string>(name: Name, value: Typed[Name]) =>
      setValues(before => ({ ...before, [name]: value })),
    [],
  )
  return {
    values,
    set,
    replace: setValues,
    field: <Name extends keyof Typed & string>(name: Name): FieldOf<Widened<Typed[Name]>> => ({
      name,
      value: values[name] as Widened<Typed[Name]>,
      onValue: value => set(name, value as Typed[Name]),
    }),
  }
}

type Widened<Value> = Value extends boolean ? boolean : Value extends string ? Value : never

interface Wrong {
  of(name: string): string | undefined
  claim(name: string): () => void
}

const Context = createContext<Wrong>({ of: () => undefined, claim: () => () => {} })

/** A form: its fields, what is wrong, and the button that sends it. */
export function Form({
  error,
  isBusy = false,
  isDisabled = false,
  submit,
  isDanger = false,
  actions,
  className = '',
  onSubmit,
  children,
}: {
  error: Error | null
  isBusy?: boolean
  isDisabled?: boolean
  submit: string
  isDanger?: boolean
  /** Beside the button that sends it. */
  actions?: ReactNode
  className?: string
  onSubmit: () => void
  children: ReactNode
}) {
  const text = useText()
  const [claimed, setClaimed] = useState<ReadonlySet<string>>(new Set())
  const errors = error instanceof ApiProblem ? error.errors : NONE
  const claim = useCallback((name: string) => {
    setClaimed(before => new Set(before).add(name))
    return () =>
      setClaimed(before => {
        const after = new Set(before)
        after.delete(name)
        return after
      })
  }, [])
  const wrong = useMemo(
    () => ({
      of: (name: string) =>
        errors
          .filter(one => one.name === name || one.name.startsWith(`${name}.`))
          .map(({ detail }) => detail)
          .join('; ') || undefined,
      claim,
    }),
    [errors, claim],
  )
  const unclaimed = errors.filter(
    ({ name }) => ![...claimed].some(one => name === one || name.startsWith(`${one}.`)),
  )
  const send = (event: FormEvent) => {
    event.preventDefault()
    if (!isBusy) onSubmit()
  }
  return (
    <Context value={wrong}>
      <form className={`form ${className}`} onSubmit={send} noValidate={false}>
        {error !== null && (unclaimed.length > 0 || errors.length === 0) && (
          <FormError error={error} lines={unclaimed.map(({ name, detail }) => `${name} ${detail}`.trim())} />
        )}
        {children}
        <div className="form-actions">
          <button
            type="submit"
            className={`button ${isDanger ? 'button-danger' : 'button-main'}`}
            disabled={isBusy || isDisabled}
          >
            {isBusy ? text.ui.busy : submit}
          </button>
          {actions}
        </div>
      </form>
    </Context>
  )
}

const NONE: readonly { name: string; detail: string }[] = []

function FormError({ error, lines }: { error: Error; lines: readonly string[] }) {
  const reason = useReason(error)
  return (
    <div className="form-error" role="alert">
      <Icon name="warning" size={18} />
      <div>{lines.length === 0 ? <p>{reason}</p> : lines.map(line => <p key={line}>{line}</p>)}</div>
    </div>
  )
}

interface Described {
  label: string
  hint?: string | undefined
  className?: string
}

/** The frame of a field: its label above it, its hint and what is wrong with it below. */
export function Field({
  name,
  label,
  hint,
  className = '',
  children,
}: Described & {
  name: string
  children: (given: {
    id: string
    name: string
    'aria-describedby': string | undefined
    'aria-invalid': boolean | undefined
  }) => ReactNode
}) {
  const id = useId()
  const { of, claim } = useContext(Context)
  useEffect(() => claim(name), [claim, name])
  const wrong = of(name)
  const said = [hint === undefined ? [] : [`${id}-hint`], wrong === undefined ? [] : [`${id}-wrong`]].flat()
  return (
    <div className={`form-field ${wrong === undefined ? '' : 'is-wrong'} ${className}`}>
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        name,
        'aria-describedby': said.length === 0 ? undefined : said.join(' '),
        'aria-invalid': wrong === undefined ? undefined : true,
      })}
      {wrong !== undefined && (
        <p className="field-wrong" id={`${id}-wrong`} role="alert">
          {wrong}
        </p>
      )}
      {hint !== undefined && (
        <p className="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  )
}

/** A line of text. */
export function TextField({
  value,
  onValue,
  type = 'text',
  ...rest
}: FieldOf<string> &
  Described & {
    type?: 'text' | 'email' | 'password' | 'url' | 'tel' | 'search'
    required?: boolean
    minLength?: number
    maxLength?: number
    pattern?: string
    placeholder?: string
    autoComplete?: string
    disabled?: boolean
  }) {
  const { name, label, hint, className, ...input } = rest
  return (
    <Field {...{ name, label, hint, ...(className === undefined ? {} : { className }) }}>
      {given => (
        <input
          {...given}
          {...input}
          type={type}
          className="input"
          value={value}
          onChange={({ target }) => onValue(target.value)}
        />
      )}
    </Field>
  )
}

/** A number, as people write it: `toNumber` reads it. */
export function NumberField({
  value,
  onValue,
  unit,
  ...rest
}: FieldOf<string> &
  Described & { unit?: string; required?: boolean; disabled?: boolean; placeholder?: string }) {
  const { name, label, hint, className, ...input } = rest
  return (
    <Field {...{ name, label, hint, ...(className === undefined ? {} : { className }) }}>
      {given => (
        <span className="with-unit">
          <input
            {...given}
            {...input}
            className="input numeric"
            inputMode="decimal"
            pattern="[+\-]?[0-9]*[.,]?[0-9]+"
            value={value}
            onChange={({ target }) => onValue(target.value)}
          />
          {unit !== undefined && <span className="unit">{unit}</span>}
        </span>
      )}
    </Field>
  )
}

/** A date and a time, of Chile: `fromCivil` reads it. */
export function InstantField({
  value,
  onValue,
  isDate = false,
  ...rest
}: FieldOf<string> & Described & { isDate?: boolean; required?: boolean; min?: string; max?: string }) {
  const { name, label, hint, className, ...input } = rest
  return (
    <Field {...{ name, label, hint, ...(className === undefined ? {} : { className }) }}>
      {given => (
        <input
          {...given}
          {...input}
          type={isDate ? 'date' : 'datetime-local'}
          className="input numeric"
          value={value}
          onChange={({ target }) => onValue(target.value)}
        />
      )}
    </Field>
  )
}

/** Several lines of text. */
export function TextAreaField({
  value,
  onValue,
  ...rest
}: FieldOf<string> &
  Described & { rows?: number; required?: boolean; maxLength?: number; isCode?: boolean }) {
  const { name, label, hint, className, isCode = false, ...input } = rest
  return (
    <Field {...{ name, label, hint, ...(className === undefined ? {} : { className }) }}>
      {given => (
        <textarea
          rows={4}
          {...given}
          {...input}
          spellCheck={!isCode}
          className={`input ${isCode ? 'is-code' : ''}`}
          value={value}
          onChange={({ target }) => onValue(target.value)}
        />
      )}
    </Field>
  )
}

/** One of a few, in a list that opens. */
export function SelectField<Value extends string>({
  value,
  onValue,
  options,
  none,
  ...rest
}: FieldOf<Value> &
  Described & {
    options: readonly { value: Value; label: string }[]
    /** What stands there while nothing is chosen. */
    none?: string
    required?: boolean
    disabled?: boolean
  }) {
  const { name, label, hint, className, ...input } = rest
  return (
    <Field {...{ name, label, hint, ...(className === undefined ? {} : { className }) }}>
      {given => (
        <select
          {...given}
          {...input}
          className="input"
          value={value}
          onChange={({ target }) => onValue(target.value as Value)}
        >
          {none !== undefined && <option value="">{none}</option>}
          {options.map(one => (
            <option key={one.value} value={one.value}>
              {one.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}

/** Yes or no. */
export function CheckField({
  name,
  value,
  onValue,
  label,
  hint,
  disabled = false,
}: FieldOf<boolean> & Described & { disabled?: boolean }) {
  const id = useId()
  const { of, claim } = useContext(Context)
  useEffect(() => claim(name), [claim, name])
  const wrong = of(name)
  return (
    <div className={`form-field ${wrong === undefined ? '' : 'is-wrong'}`}>
      <label className="check" htmlFor={id}>
        <input
          id={id}
          name={name}
          type="checkbox"
          checked={value}
          disabled={disabled}
          aria-invalid={wrong === undefined ? undefined : true}
          onChange={({ target }) => onValue(target.checked)}
        />
        <span>{label}</span>
      </label>
      {wrong !== undefined && (
        <p className="field-wrong" role="alert">
          {wrong}
        </p>
      )}
      {hint !== undefined && <p className="field-hint">{hint}</p>}
    </div>
  )
}
