// One of many, found by typing.

import { Combobox, ComboboxItem, ComboboxPopover, ComboboxProvider } from '@ariakit/react'
import { useDeferredValue, useMemo, useState } from 'react'
import { useText } from '../i18n/language.tsx'
import '../styles/picker.css'
import { plain } from '../plain.ts'
import { Field } from './form.tsx'
import { Icon } from './icons.tsx'

const SHOWN_MAX = 50

/** Something that can be picked. */
export interface Pickable {
  value: string
  label: string
  hint?: string
}

/** One of many, found by typing part of its name. Within a `Form` it is a field like any other. */
export function Picker({
  name,
  label,
  hint,
  value,
  options,
  onValue,
  placeholder,
}: {
  name: string
  label: string
  hint?: string
  /** Empty: none. */
  value: string
  options: readonly Pickable[]
  onValue: (value: string) => void
  placeholder?: string
}) {
  const text = useText()
  const chosen = options.find(one => one.value === value)
  const [typed, setTyped] = useState<string | undefined>()
  const wanted = useDeferredValue(typed ?? '')
  const found = useMemo(() => {
    const words = plain(wanted).split(/\s+/).filter(Boolean)
    return options
      .filter(one => {
        const all = plain(`${one.label} ${one.hint ?? ''} ${one.value}`)
        return words.every(word => all.includes(word))
      })
      .slice(0, SHOWN_MAX)
  }, [options, wanted])
  return (
    <Field {...{ name, label, ...(hint === undefined ? {} : { hint }) }}>
      {given => (
        <ComboboxProvider
          value={typed ?? chosen?.label ?? value}
          setValue={setTyped}
          selectedValue={value}
          setSelectedValue={picked => {
            onValue(String(picked))
            setTyped(undefined)
          }}
        >
          <span className="picker">
            <Combobox
              {...given}
              className="input"
              autoSelect
              placeholder={placeholder ?? text.ui.pick}
              onFocus={({ currentTarget }) => currentTarget.select()}
              onBlur={() => setTyped(undefined)}
            />
            <Icon name="down" size={16} />
          </span>
          <ComboboxPopover gutter={4} sameWidth className="picker-list" portal>
            {found.length === 0 ? (
              <p className="faint picker-none">{text.ui.noneFound}</p>
            ) : (
              found.map(one => (
                <ComboboxItem
                  key={one.value}
                  value={one.value}
                  setValueOnClick={false}
                  className="picker-item"
                >
                  <span>{one.label}</span>
                  {one.hint !== undefined && <span className="faint">{one.hint}</span>}
                </ComboboxItem>
              ))
            )}
          </ComboboxPopover>
        </ComboboxProvider>
      )}
    </Field>
  )
}
