// A new point, with the well drawn while somebody types.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { make, projectsQuery } from '../../api/entities.ts'
import { useText } from '../../i18n/language.tsx'
import { Form, TextField, useForm } from '../../ui/form.tsx'
import { Picker } from '../../ui/picker.tsx'
import { useTitle } from '../../ui/title.ts'
import { say } from '../../ui/toast.tsx'
import '../../styles/entities.css'
import {
  PointDrawing,
  PointFields,
  type PointTyped,
  typedOf,
  useMistakes,
  wantedOf,
} from './point-fields.tsx'

/** A new point. */
export function NewPointScreen() {
  const text = useText()
  useTitle(text.places.add)
  const queries = useQueryClient()
  const navigate = useNavigate()
  const [key] = useState(() => crypto.randomUUID())
  const where = useForm({ project: '', point: '' })
  const form = useForm<PointTyped>(typedOf())
  const mistakes = useMistakes(form.values)
  const { data: projects = [] } = useQuery(projectsQuery('false'))
  const making = useMutation({
    mutationFn: () =>
      make('POST /api/v1/points', { body: { ...where.values, ...wantedOf(form.values) } }, key),
    onSuccess: async point => {
      say(text.entities.made)
      for (const queryKey of [['point-list'], ['overview'], ['projects']])
        await queries.invalidateQueries({ queryKey })
      await navigate({ to: '/admin/points/$point', params: { point: point.key } })
    },
  })
  return (
    <>
      <div className="page-head">
        <p className="trail">
          <Link to="/admin/points">{text.places.title}</Link>
          <span aria-hidden="true">/</span>
          <span>{text.places.add}</span>
        </p>
        <h1>{text.places.add}</h1>
      </div>
      <div className="panel">
        <div className="panel-body point-editor">
          <Form
            error={making.error}
            isBusy={making.isPending}
            isDisabled={mistakes.size > 0 || where.values.project === ''}
            submit={text.places.add}
            onSubmit={() => making.mutate()}
          >
            <div className="form-row">
              <Picker
                name="project"
                label={text.entities.project}
                value={where.values.project}
                options={projects.map(one => ({ value: one.key, label: one.name, hint: one.key }))}
                onValue={project => where.set('project', project)}
              />
              <TextField
                {...where.field('point')}
                label={text.entities.id}
                hint={text.entities.idHint}
                pattern="[a-z0-9][a-z0-9\-]{0,62}"
                required
                autoComplete="off"
              />
            </div>
            <PointFields form={form} mistakes={mistakes} />
          </Form>
          <PointDrawing typed={form.values} mistakes={mistakes} />
        </div>
      </div>
    </>
  )
}
