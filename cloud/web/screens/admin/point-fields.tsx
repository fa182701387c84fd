// The fields of a point, and the well drawn from them while somebody types. What cannot be is said at once, by the same
// code that the API asks (cloud/depths.ts).

import { DEPTH_MAX_M, type PointPlace, placeMistakes } from '../../../depths.ts'
import type { Point, PointPatch } from '../../api/types.ts'
import { useFormat, useText } from '../../i18n/language.tsx'
import { NumberField, SelectField, TextAreaField, TextField, type useForm } from '../../ui/form.tsx'
import { toNumber } from '../../ui/numbers.ts'
import { WellSection } from '../../well/section.tsx'
import { orNothing } from './changing.tsx'
import '../../styles/point.css'

const NUMBERS = [
  ...(['latitude', 'longitude', 'wellDepthM', 'pumpDepthM', 'sensorDepthM'] as const),
  ...(['dischargeDiameterIn', 'meterDiameterIn', 'meterInitialM3'] as const),
] as const

/** What is typed of a point. */
export type PointTyped = Record<(typeof NUMBERS)[number] | 'name' | 'note', string> & { kind: Point['kind'] }

/** A point as it is typed; without one, a new well. */
export function typedOf(point?: Point): PointTyped {
  const numbers = NUMBERS.map(name => [name, point?.[name] == null ? '' : String(point[name])] as const)
  return {
    ...(Object.fromEntries(numbers) as Record<(typeof NUMBERS)[number], string>),
    ...{ name: point?.name ?? '', note: point?.note ?? '', kind: point?.kind ?? 'groundwater' },
  }
}

/** What was typed, as the API takes it. A number that is none stays one that the API refuses. */
export function wantedOf({
  name,
  note,
  kind,
  ...numbers
}: PointTyped): Required<Omit<PointPatch, 'archived'>> {
  const read = NUMBERS.map(field => [field, toNumber(numbers[field]) ?? null] as const)
  return {
    ...{ name: name.trim(), note: orNothing(note), kind },
    ...(Object.fromEntries(read) as Record<(typeof NUMBERS)[number], number | null>),
  }
}

/** What is wrong with what is typed, by field; the fields are in the language that is shown. */
export function useMistakes(typed: PointTyped): Map<string, string> {
  const text = useText()
  const format = useFormat()
  const metres = (depth: number) => `${format.number(depth, Number.isInteger(depth) ? 0 : 2)} m`
  const wanted = wantedOf(typed)
  const wrong = new Map<string, string>()
  for (const field of NUMBERS) if (Number.isNaN(wanted[field])) wrong.set(field, text.places.notNumber)
  for (const field of ['wellDepthM', 'pumpDepthM', 'sensorDepthM'] as const) {
    const depth = wanted[field]
    if (depth !== null && !(depth > 0 && depth <= DEPTH_MAX_M) && !wrong.has(field))
      wrong.set(field, text.places.tooDeep(metres(DEPTH_MAX_M)))
  }
  for (const mistake of placeMistakes(wanted as PointPlace)) {
    if (wrong.has(mistake.field)) continue
    wrong.set(
      mistake.field,
      mistake.kind === 'alone' ? text.places.alone : text.places.belowBottom(metres(mistake.bottomM)),
    )
  }
  return wrong
}

/** The fields of a point. */
export function PointFields({
  form,
  mistakes,
}: {
  form: ReturnType<typeof useForm<PointTyped>>
  mistakes: Map<string, string>
}) {
  const text = useText()
  const number = (field: (typeof NUMBERS)[number], unit: string) => {
    const hint = mistakes.get(field)
    return (
      <NumberField
        {...form.field(field)}
        label={text.places[field]}
        unit={unit}
        {...(hint === undefined ? {} : { hint, className: 'is-wrong' })}
      />
    )
  }
  return (
    <>
      <div className="form-row">
        <TextField {...form.field('name')} label={text.entities.name} required maxLength={200} />
        <SelectField
          {...form.field('kind')}
          label={text.places.kind}
          options={(['groundwater', 'surface_pipe', 'surface_channel'] as const).map(value => ({
            ...{ value, label: text.places.kinds[value] },
          }))}
        />
      </div>
      <fieldset className="form-group">
        <legend>{text.places.place}</legend>
        <div className="form-row">
          {number('latitude', '°')}
          {number('longitude', '°')}
        </div>
      </fieldset>
      <fieldset className="form-group">
        <legend>{text.places.depths}</legend>
        <div className="form-row">
          {number('wellDepthM', 'm')}
          {number('pumpDepthM', 'm')}
          {number('sensorDepthM', 'm')}
        </div>
        <div className="form-row">
          {number('dischargeDiameterIn', '"')}
          {number('meterDiameterIn', '"')}
          {number('meterInitialM3', 'm³')}
        </div>
      </fieldset>
      <TextAreaField {...form.field('note')} label={text.entities.note} maxLength={4000} />
    </>
  )
}

/** The well as it would be. */
export function PointDrawing({ typed, mistakes }: { typed: PointTyped; mistakes: Map<string, string> }) {
  const text = useText()
  const wanted = wantedOf(typed)
  const depth = (field: 'wellDepthM' | 'pumpDepthM' | 'sensorDepthM') =>
    Number.isNaN(wanted[field]) ? null : (wanted[field] ?? null)
  return (
    <aside className="point-drawing" aria-label={text.places.drawing}>
      <h2>{text.places.drawing}</h2>
      <p className="faint">{text.places.drawingHint}</p>
      <WellSection
        depths={{ well: depth('wellDepthM'), pump: depth('pumpDepthM'), sensor: depth('sensorDepthM') }}
        waterTable={null}
        restLevel={null}
        isPumping={false}
      />
      {[...mistakes.values()].length > 0 && (
        <ul className="point-mistakes">
          {[...new Set(mistakes.values())].map(mistake => (
            <li key={mistake}>{mistake}</li>
          ))}
        </ul>
      )}
    </aside>
  )
}
