// What people want to be told of: every rule, where it looks and whom it tells.

import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { conditionWords } from '../../../alerts/words.ts'
import { alertRulesQuery } from '../../api/queries.ts'
import type { AlertRule } from '../../api/types.ts'
import { useLanguage, useText } from '../../i18n/language.tsx'
import { useMay } from '../../may.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { Age } from '../../ui/now.tsx'
import { More } from '../../ui/pager.tsx'
import { Empty, Shown } from '../../ui/shown.tsx'
import { AlertsFrame, Severity } from './frame.tsx'

/** Every rule. */
export function AlertRulesScreen() {
  const text = useText()
  const mayMake = useMay('decide')
  const query = useInfiniteQuery(alertRulesQuery)
  const make = (
    <Link to="/alerts/rules/$rule" params={{ rule: 'new' }} className="button button-main">
      {text.alerts.newRule}
    </Link>
  )
  return (
    <AlertsFrame title={text.alerts.rules} {...(mayMake ? { actions: make } : {})}>
      <div className="panel">
        <Shown query={query} lines={5}>
          {({ pages }) => {
            const rules = pages.flatMap(({ items }) => items)
            return rules.length === 0 ? (
              <Empty title={text.alerts.rulesNone} hint={text.alerts.rulesNoneHint} />
            ) : (
              <RuleTable rules={rules} />
            )
          }}
        </Shown>
        <More query={query} />
      </div>
    </AlertsFrame>
  )
}

function RuleTable({ rules }: { rules: readonly AlertRule[] }) {
  const text = useText()
  const { language } = useLanguage()
  return (
    <DataTable
      label={text.alerts.rules}
      rows={rules}
      keyOf={({ id }) => id}
      columns={[
        {
          ...{ key: 'name', head: text.alerts.name, isMain: true },
          cell: ({ id, rule }) => (
            <>
              <Link to="/alerts/rules/$rule" params={{ rule: String(id) }} className="main-link">
                {rule.name}
              </Link>{' '}
              <Severity of={rule.severity} />
              {rule.enabled === false && (
                <>
                  {' '}
                  <span className="badge badge-never">{text.alerts.disabled}</span>
                </>
              )}
              <span className="cell-more">{conditionWords(rule.condition, language)}</span>
            </>
          ),
        },
        {
          ...{ key: 'where', head: text.alerts.scope },
          cell: ({ client, point }) => (
            <>
              {point === null ? text.alerts.allPoints : point.split('.').at(-1)}
              <span className="cell-more">{client}</span>
            </>
          ),
        },
        {
          ...{ key: 'told', head: text.alerts.told },
          cell: ({ rule }) => <Told rule={rule} />,
        },
        {
          ...{ key: 'changed', head: text.alerts.changed, align: 'right' },
          cell: ({ changedAt, changedBy }) => (
            <>
              <Age at={changedAt} />
              <span className="cell-more">{changedBy}</span>
            </>
          ),
        },
      ]}
    />
  )
}

function Told({ rule: { notify = [], escalation = [] } }: { rule: AlertRule['rule'] }) {
  const text = useText()
  const [first] = notify
  if (first === undefined) return <span className="faint">{text.alerts.toldNobody}</span>
  const named = 'email' in first ? first.email : `${text.incidents.channel} ${first.to ?? first.channel}`
  return (
    <>
      {named}
      {notify.length > 1 && ` +${notify.length - 1}`}
      {escalation.length > 0 && <span className="cell-more">{text.alerts.stepOf(escalation.length)}</span>}
    </>
  )
}
