// One's own API keys.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask } from '../api/client.ts'
import { meQuery, ownKeysQuery } from '../api/queries.ts'
import { useText } from '../i18n/language.tsx'
import { Modal } from '../ui/dialog.tsx'
import { CheckField, Form, SelectField, TextField, useForm } from '../ui/form.tsx'
import { Panel } from '../ui/panel.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { DateField, endOfDay, KeyTable } from './admin/key-table.tsx'
import { ShownOnce } from './admin/link-ready.tsx'

/** One's own API keys. */
export function OwnKeysPanel() {
  const text = useText()
  const queries = useQueryClient()
  const query = useQuery(ownKeysQuery)
  const [isMaking, setMaking] = useState(false)
  const [token, setToken] = useState<string | undefined>()
  const refresh = () => queries.invalidateQueries({ queryKey: ownKeysQuery.queryKey })
  return (
    <Panel
      title={text.account.ownKeys}
      hint={text.account.ownKeysHint}
      className="account-wide"
      actions={
        <button type="button" className="button button-small" onClick={() => setMaking(true)}>
          {text.keys.make}
        </button>
      }
    >
      <Shown query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={text.keys.none} hint={text.keys.noneHint} />
          ) : (
            <KeyTable
              keys={items}
              onRevoke={key => ask('DELETE /api/v1/me/keys/{key}', { path: { key } })}
              onRevoked={refresh}
            />
          )
        }
      </Shown>
      {isMaking && (
        <MakeOwn
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
    </Panel>
  )
}

function MakeOwn({ onClose, onMade }: { onClose: () => void; onMade: (token: string) => void }) {
  const text = useText()
  const { data: me } = useQuery(meQuery)
  const grants = me?.grants ?? []
  const form = useForm({ name: '', role: '0', expiresAt: '', write: false })
  const { name, role, expiresAt, write } = form.values
  const make = useMutation({
    mutationFn: () => {
      const grant = grants[Number(role)]
      if (grant === undefined) throw new Error(text.failure.forbidden)
      return ask('POST /api/v1/me/keys', {
        body: {
          ...{ name, role: grant.role, client: grant.client, scopes: write ? ['read', 'write'] : ['read'] },
          ...(expiresAt === '' ? {} : { expiresAt: endOfDay(expiresAt) }),
        },
      })
    },
    onSuccess: made => onMade(made.token),
  })
  return (
    <Modal title={text.keys.makeTitle} lead={text.account.ownKeysHint} onClose={onClose}>
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
          {...form.field('role')}
          label={text.keys.role}
          options={grants.map((grant, index) => ({
            value: String(index),
            label: `${text.account.role[grant.role]} · ${grant.client ?? text.account.allClients}`,
          }))}
        />
        <CheckField {...form.field('write')} label={text.keys.scope.write} />
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
