// One point, to be looked after: what is known of it, how its variables are shown, contacts, documents, and who changed it.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { ask, type Seen } from '../../api/client.ts'
import { pointSeenQuery } from '../../api/entities.ts'
import type { Point, PointPatch } from '../../api/types.ts'
import { useText } from '../../i18n/language.tsx'
import { useMay } from '../../may.ts'
import { Form, useForm } from '../../ui/form.tsx'
import { Panel } from '../../ui/panel.tsx'
import { Shown } from '../../ui/shown.tsx'
import { useTitle } from '../../ui/title.ts'
import '../../styles/entities.css'
import { Archiving } from './archiving.tsx'
import { AuditPanel } from './audit-list.tsx'
import { Conflict, useChange } from './changing.tsx'
import { ContactsPanel } from './contacts.tsx'
import { DocumentsPanel } from './documents.tsx'
import {
  PointDrawing,
  PointFields,
  type PointTyped,
  typedOf,
  useMistakes,
  wantedOf,
} from './point-fields.tsx'
import { RightsPanel } from './rights.tsx'
import { VariablesPanel } from './variables.tsx'

const route = getRouteApi('/shell/admin/points/$point')

/** One point. */
export function PlaceScreen() {
  const text = useText()
  const { point } = route.useParams()
  const mayDecide = useMay('decide')
  const query = useQuery(pointSeenQuery(point))
  useTitle(query.data?.document.name)
  return (
    <Shown query={query} lines={8}>
      {seen => (
        <>
          <div className="page-head">
            <p className="trail">
              <Link to="/admin/points">{text.places.title}</Link>
              <span aria-hidden="true">/</span>
              <span>{seen.document.key}</span>
            </p>
            <h1>{seen.document.name}</h1>
            {seen.document.archived && <span className="badge badge-never">{text.entities.isArchived}</span>}
            <Link to="/points/$point" params={{ point }} className="button push">
              {text.places.open}
            </Link>
          </div>
          <div className="stack">
            <Facts key={point} seen={seen} />
            <RightsPanel point={point} />
            <VariablesPanel point={point} />
            <ContactsPanel point={point} />
            <DocumentsPanel point={point} />
            {mayDecide && <AuditPanel asked={{ point }} />}
          </div>
        </>
      )}
    </Shown>
  )
}

function Facts({ seen }: { seen: Seen<Point> }) {
  const text = useText()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const mayOperate = useMay('operate')
  const { key: point, archived } = seen.document
  const form = useForm<PointTyped>(typedOf(seen.document))
  const mistakes = useMistakes(form.values)
  const path = { point }
  const keys = [['point-seen', point], ['point-list'], ['point', point], ['overview'], ['audit']]
  const match = { 'if-match': seen.etag }
  const changing = useChange<Point, PointPatch>({
    ...{ seen, keys },
    look: () => queries.fetchQuery({ ...pointSeenQuery(point), staleTime: 0 }),
    save: (body, headers) => ask('PATCH /api/v1/points/{point}', { path, body, headers }),
  })
  const names = { ...text.places, ...text.entities } as unknown as Record<string, string>
  return (
    <Panel title={text.places.facts}>
      <div className="panel-body">
        <Conflict
          before={changing.base}
          now={changing.conflict?.document}
          nameOf={field => names[field] ?? field}
        />
        <div className="point-editor">
          <Form
            error={changing.error}
            isBusy={changing.isBusy}
            isDisabled={!mayOperate || mistakes.size > 0}
            submit={changing.conflict === undefined ? text.ui.save : text.entities.conflictGo}
            onSubmit={() => changing.change(wantedOf(form.values))}
          >
            <PointFields form={form} mistakes={mistakes} />
          </Form>
          <PointDrawing typed={form.values} mistakes={mistakes} />
        </div>
        {mayOperate && (
          <Archiving
            name={point}
            isArchived={archived}
            archive={wanted =>
              ask('PATCH /api/v1/points/{point}', { path, body: { archived: wanted }, headers: match })
            }
            remove={() => ask('DELETE /api/v1/points/{point}', { path, headers: match })}
            keys={keys}
            onRemoved={() => navigate({ to: '/admin/points' })}
          />
        )}
      </div>
    </Panel>
  )
}
