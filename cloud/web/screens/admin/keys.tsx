// Every API key: what it may, when it was last used, and making and ending one.

import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask } from '../../api/client.ts'
import { keysQuery } from '../../api/queries.ts'
import { useText } from '../../i18n/language.tsx'
import { Modal } from '../../ui/dialog.tsx'
import { CheckField, Form, NumberField, SelectField, TextField, useForm } from '../../ui/form.tsx'
import { Icon } from '../../ui/icons.tsx'
import { toNumber } from '../../ui/numbers.ts'
import { More } from '../../ui/pager.tsx'
import { Empty, Shown } from '../../ui/shown.tsx'
import { useTitle } from '../../ui/title.ts'
import { ClientField, isForAll, ROLES } from './grants-field.tsx'
import { DateField, endOfDay, KeyTable } from './key-table.tsx'
import { ShownOnce } from './link-ready.tsx'

const REQUESTS_PER_MINUTE = 6_000

/** Every API key. */
export function KeysScreen() {
  const text = useText()
  useTitle(text.keys.title)
  const queries = useQueryClient()
  const query = useInfiniteQuery(keysQuery)
  const [isMaking, setMaking] = useState(false)
  const [token, setToken] = useState<string | undefined>()
  const refresh = () => queries.invalidateQueries({ queryKey: keysQuery.queryKey })
  return (
    <>
      <div className="page-head">
        <h1>{text.keys.title}</h1>
        <span className="faint">{text.keys.lead}</span>
        <span className="push">
          <button type="button" className="button button-main" onClick={() => setMaking(true)}>
            <Icon name="plus" size={18} />
            {text.keys.make}
          </button>
        </span>
      </div>
      <div className="panel">
        <Shown query={query} lines={6}>
          {({ pages }) => {
            const items = pages.flatMap(page => page.items)
            if (items.length === 0) return <Empty title={text.keys.none} hint={text.keys.noneHint} />
            return (
              <KeyTable
                keys={items}
                onRevoke={key => ask('DELETE /api/v1/api-keys/{key}', { path: { key } })}
                onRevoked={refresh}
              />
            )
          }}
        </Shown>
        <More query={query} />
      </div>
      {isMaking && (
        <Make
          onClose={() => setMaking(false)}
          onMade={made => {
            setMaking(false)
            setToken(made)
            refresh()
          }}
        />
      )}
      {token !== undefined && (
        <ShownOnce
          title={text.keys.madeTitle}
          lead={text.keys.madeHint}
          secret={token}
          onClose={() => setToken(undefined)}
        />
      )}
    </>
  )
}

function Make({ onClose, onMade }: { onClose: () => void; onMade: (token: string) => void }) {
  const text = useText()
  const form = useForm({
    ...{ name: '', role: 'client_reader' as (typeof ROLES)[number], client: '', expiresAt: '' },
    ...{ read: true, write: false, subscribe: false, requestsPerMinute: String(REQUESTS_PER_MINUTE) },
  })
  const { name, role, client, expiresAt, requestsPerMinute, ...scopes } = form.values
  const make = useMutation({
    mutationFn: () =>
      ask('POST /api/v1/api-keys', {
        body: {
          ...{ name, role, client: isForAll(role) ? null : client.trim() },
          scopes: (['read', 'write', 'subscribe'] as const).filter(scope => scopes[scope]),
          requestsPerMinute: toNumber(requestsPerMinute) ?? REQUESTS_PER_MINUTE,
          ...(expiresAt === '' ? {} : { expiresAt: endOfDay(expiresAt) }),
        },
      }),
    onSuccess: made => onMade(made.token),
  })
  return (
    <Modal title={text.keys.makeTitle} onClose={onClose}>
      <Form error={make.error} isBusy={make.isPending} submit={text.keys.make} onSubmit={() => make.mutate()}>
        <TextField
          {...form.field('name')}
          label={text.keys.name}
          hint={text.keys.nameHint}
          required
          maxLength={100}
          autoComplete="off"
        />
        <SelectField
          name="role"
          label={text.keys.role}
          value={role}
          onValue={value => form.set('role', value)}
          options={ROLES.map(value => ({ value, label: text.account.role[value] }))}
        />
        {!isForAll(role) && (
          <ClientField name="client" value={client} onValue={value => form.set('client', value)} />
        )}
        <fieldset className="check-group">
          <legend>{text.keys.scopes}</legend>
          <CheckField {...form.field('read')} label={text.keys.scope.read} />
          <CheckField {...form.field('write')} label={text.keys.scope.write} />
          <CheckField {...form.field('subscribe')} label={text.keys.scope.subscribe} />
        </fieldset>
        <NumberField {...form.field('requestsPerMinute')} label={text.keys.limit} />
        <DateField
          label={text.keys.expires}
          hint={text.keys.expiresHint}
          value={expiresAt}
          onValue={value => form.set('expiresAt', value)}
        />
      </Form>
    </Modal>
  )
}
