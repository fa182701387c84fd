// What another configuration comes to on site, before anybody asks for it.

import type { ConfigurationEffect } from '../api/types.ts'
import { useText } from '../i18n/language.tsx'
import { Icon } from '../ui/icons.tsx'

/** What another configuration comes to on site. */
export function Effect({ effect }: { effect: ConfigurationEffect | null }) {
  const text = useText()
  if (effect === null) return null
  const lists = [
    [text.configuration.opened, effect.opened],
    [text.configuration.closed, effect.closed],
    [text.configuration.kept, effect.kept],
  ] as const
  return (
    <div className="effect">
      <p className="effect-sound">
        <Icon name="check" size={18} /> {text.configuration.sound}
      </p>
      <dl className="facts">
        {lists
          .filter(([, names]) => names.length > 0)
          .map(([name, names]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{names.join(', ')}</dd>
            </div>
          ))}
      </dl>
      {effect.restarts && <p className="absent">{text.configuration.restarts}</p>}
    </div>
  )
}
