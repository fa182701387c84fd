// What somebody may: a role, and for which client where the role is for one.

import { useQuery } from '@tanstack/react-query'
import { clientsQuery } from '../../api/entities.ts'
import { useText } from '../../i18n/language.tsx'
import { ABILITIES } from '../../may.ts'
import { Field, SelectField } from '../../ui/form.tsx'
import { Icon } from '../../ui/icons.tsx'

/** The roles, the mightiest first. */
export const ROLES = ABILITIES.read

/** One of the roles. */
export type Role = (typeof ROLES)[number]

/** A role as it is typed. */
export interface GrantTyped {
  role: Role
  client: string
}

/** Whether a role is for all clients. */
export const isForAll = (role: Role): boolean => role === 'administrator' || role === 'operator'

/** What was typed as the API takes it. */
export function toGrants(grants: readonly GrantTyped[]): { role: Role; client: string | null }[] {
  return grants.map(({ role, client }) => ({ role, client: isForAll(role) ? null : client.trim() }))
}

/** One of the clients in use. */
export function ClientField({
  name,
  value,
  onValue,
}: {
  name: string
  value: string
  onValue: (client: string) => void
}) {
  const text = useText()
  const { data: clients = [] } = useQuery(clientsQuery('false'))
  return (
    <SelectField
      {...{ name, value, onValue }}
      label={text.users.client}
      none={text.ui.pick}
      required
      options={clients.map(one => ({ value: one.client, label: one.name }))}
    />
  )
}

/** Several roles, each for its client. */
export function GrantsField({
  grants,
  onGrants,
}: {
  grants: readonly GrantTyped[]
  onGrants: (grants: readonly GrantTyped[]) => void
}) {
  const text = useText()
  const change = (index: number, changed: Partial<GrantTyped>) =>
    onGrants(grants.map((grant, at) => (at === index ? { ...grant, ...changed } : grant)))
  return (
    <>
      {grants.map((grant, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: roles that are being typed have nothing but their place
        <div key={index} className="grant-row">
          <SelectField
            name={`grants.${index}`}
            label={text.users.role}
            value={grant.role}
            options={ROLES.map(value => ({ value, label: text.account.role[value] }))}
            onValue={role => change(index, { role })}
          />
          {isForAll(grant.role) ? (
            <Field name={`grants.${index}.all`} label={text.users.client}>
              {given => <input {...given} className="input" value={text.account.allClients} disabled />}
            </Field>
          ) : (
            <ClientField
              name={`grants.${index}.client`}
              value={grant.client}
              onValue={client => change(index, { client })}
            />
          )}
          {grants.length > 1 && (
            <button
              type="button"
              className="icon-button"
              onClick={() => onGrants(grants.filter((_, at) => at !== index))}
            >
              <Icon name="close" size={18} />
              <span className="visually-hidden">{text.users.removeRole}</span>
            </button>
          )}
        </div>
      ))}
      <div>
        <button
          type="button"
          className="link-button"
          onClick={() => onGrants([...grants, { role: 'client_reader', client: '' }])}
        >
          {text.users.addRole}
        </button>
      </div>
    </>
  )
}
