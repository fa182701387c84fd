// Ways to people besides mail: what there is, a message to try each, and, for who looks after the installation, making them.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask } from '../../api/client.ts'
import { channelsQuery, ownDeliveriesQuery } from '../../api/queries.ts'
import type { AlertChannel } from '../../api/types.ts'
import { useText } from '../../i18n/language.tsx'
import { useMay } from '../../may.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { Confirm, Modal } from '../../ui/dialog.tsx'
import { Form, TextField, useForm } from '../../ui/form.tsx'
import { Panel } from '../../ui/panel.tsx'
import { Empty, Shown } from '../../ui/shown.tsx'
import { say } from '../../ui/toast.tsx'
import { ChannelForm } from './channel-form.tsx'
import { AlertsFrame } from './frame.tsx'
import { DeliveryTable } from './incident.tsx'

type Open = { what: 'make' } | { what: 'edit' | 'test' | 'remove'; channel: AlertChannel }

/** Ways to people besides mail. */
export function ChannelsScreen() {
  const text = useText()
  const mayMake = useMay('operate')
  const mayTest = useMay('decide')
  const [open, setOpen] = useState<Open | undefined>()
  const [tested, setTested] = useState<number | undefined>()
  const query = useQuery(channelsQuery)
  const close = () => setOpen(undefined)
  const make = (
    <button type="button" className="button button-main" onClick={() => setOpen({ what: 'make' })}>
      {text.alerts.channelNew}
    </button>
  )
  return (
    <AlertsFrame title={text.alerts.channels} {...(mayMake ? { actions: make } : {})}>
      <div className="panel panel-first">
        <Shown query={query} lines={3}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title={text.alerts.channelNone} hint={text.alerts.channelNoneHint} />
            ) : (
              <ChannelTable channels={items} {...{ mayMake, mayTest }} onOpen={setOpen} />
            )
          }
        </Shown>
      </div>
      {tested !== undefined && <Tested delivery={tested} />}
      {open?.what === 'make' && <ChannelForm onClose={close} />}
      {open?.what === 'edit' && <ChannelForm channel={open.channel} onClose={close} />}
      {open?.what === 'test' && <Test channel={open.channel} onTested={setTested} onClose={close} />}
      {open?.what === 'remove' && <Remove channel={open.channel} onClose={close} />}
    </AlertsFrame>
  )
}

function ChannelTable({
  channels,
  mayMake,
  mayTest,
  onOpen,
}: {
  channels: readonly AlertChannel[]
  mayMake: boolean
  mayTest: boolean
  onOpen: (open: Open) => void
}) {
  const text = useText()
  const button = (label: string, what: 'edit' | 'test' | 'remove', channel: AlertChannel) => (
    <button type="button" className="button button-small" onClick={() => onOpen({ what, channel })}>
      {label}
      <span className="visually-hidden"> {channel.name}</span>
    </button>
  )
  return (
    <DataTable
      label={text.alerts.channels}
      rows={channels}
      keyOf={({ id }) => id}
      columns={[
        {
          ...{ key: 'name', head: text.alerts.name, isMain: true },
          cell: ({ name, kind }) => (
            <>
              <strong>{name}</strong>
              <span className="cell-more">{text.alerts.channelKinds[kind]}</span>
            </>
          ),
        },
        {
          ...{ key: 'client', head: text.alerts.client },
          cell: ({ client }) => client ?? text.alerts.installation,
        },
        {
          ...{ key: 'url', head: text.alerts.url, isDeskOnly: true },
          cell: ({ settings }) => <span className="delivery-answer">{settings?.url ?? '–'}</span>,
        },
        {
          ...{ key: 'acts', head: '' },
          cell: channel => (
            <>
              {mayTest && button(text.alerts.test, 'test', channel)}
              {mayMake && button(text.ui.edit, 'edit', channel)}
              {mayMake && button(text.ui.remove, 'remove', channel)}
            </>
          ),
        },
      ]}
    />
  )
}

function Test({
  channel: { id, name },
  onTested,
  onClose,
}: {
  channel: AlertChannel
  onTested: (delivery: number) => void
  onClose: () => void
}) {
  const text = useText()
  const form = useForm({ to: '' })
  const test = useMutation({
    mutationFn: () =>
      ask('POST /api/v1/alert-channels/{channel}/test', {
        path: { channel: id },
        body: form.values.to.trim() === '' ? {} : { to: form.values.to.trim() },
      }),
    onSuccess: ({ delivery }) => {
      say(text.alerts.testSent)
      onTested(delivery)
      onClose()
    },
  })
  return (
    <Modal title={`${text.alerts.test}: ${name}`} onClose={onClose}>
      <Form
        error={test.error}
        isBusy={test.isPending}
        submit={text.alerts.test}
        onSubmit={() => test.mutate()}
      >
        <TextField
          {...form.field('to')}
          label={text.alerts.testTo}
          maxLength={200}
          placeholder="+56 9 8765 4321"
        />
      </Form>
    </Modal>
  )
}

function Tested({ delivery }: { delivery: number }) {
  const text = useText()
  const query = useQuery(ownDeliveriesQuery)
  return (
    <Panel title={text.alerts.testResult}>
      <Shown query={query} lines={1}>
        {({ items }) => <DeliveryTable deliveries={items.filter(({ id }) => id === delivery)} />}
      </Shown>
    </Panel>
  )
}

function Remove({ channel: { id, name, version }, onClose }: { channel: AlertChannel; onClose: () => void }) {
  const text = useText()
  const queries = useQueryClient()
  const remove = useMutation({
    mutationFn: () =>
      ask('DELETE /api/v1/alert-channels/{channel}', {
        ...{ path: { channel: id }, headers: { 'if-match': `"${version}"` } },
      }),
    onSuccess: () => {
      say(text.alerts.channelRemoved)
      queries.invalidateQueries({ queryKey: ['alert-channels'] })
      onClose()
    },
  })
  return (
    <Confirm
      title={`${text.ui.remove}: ${name}`}
      action={text.ui.remove}
      isDanger
      error={remove.error}
      isBusy={remove.isPending}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      <p>{text.alerts.channelRemoveText}</p>
    </Confirm>
  )
}
