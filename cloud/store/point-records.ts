// What people keep beside a point: how its variables are shown, its documents, whom to call.

import type { Sql } from './database.ts'
import type { Columns } from './rows.ts'

/** A variable of a point, and how it is shown. */
export interface VariableRow {
  seriesId: number
  variable: number
  label: string | null
  decimals: number | null
  place: number | null
  hidden: boolean
}

/** Fields of a variable and their columns. */
export const VARIABLE_COLUMNS = {
  ...{ label: 'label', decimals: 'decimals', place: 'place', hidden: 'hidden' },
} satisfies Columns

/** The variables of a point, in the order in which they are shown; one alone, held, by its code. */
export function selectVariables(
  sql: Sql,
  pointId: number,
  { variable, isHeld = false }: { variable?: number; isHeld?: boolean } = {},
): Promise<VariableRow[]> {
  return sql.query<VariableRow>(
    `select id as "seriesId", variable, label, decimals, place, hidden from series
     where point_id = $1 and ($2::int is null or variable = $2)
     order by place nulls last, variable ${isHeld ? 'for update' : ''}`,
    [pointId, variable ?? null],
  )
}

/** How many points in use have each variable. */
export function selectVariableUse(
  sql: Sql,
  clientIds: readonly number[] | null,
): Promise<{ variable: number; points: number }[]> {
  return sql.query(
    `select s.variable, count(*)::int as points
     from series s join points p on p.id = s.point_id join projects pr on pr.id = p.project_id
     where p.archived_at is null and ($1::int[] is null or pr.client_id = any($1))
     group by s.variable`,
    [clientIds],
  )
}

/** Somebody to call. */
export interface ContactRow {
  id: number
  name: string
  role: string | null
  phone: string | null
  email: string | null
  note: string | null
}

/** Fields of a contact and their columns. */
export const CONTACT_COLUMNS = {
  ...{ pointId: 'point_id', name: 'name', role: 'role', phone: 'phone', email: 'email', note: 'note' },
} satisfies Columns

/** Contacts of a point, after a given one. */
export function selectContacts(
  sql: Sql,
  pointId: number,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<ContactRow[]> {
  return sql.query<ContactRow>(
    `select id, name, role, phone, email, note from contacts where point_id = $1 and id > $2::bigint order by id limit $3`,
    [pointId, afterId, limit],
  )
}

/** A contact of a point; with `isHeld` until the transaction ends. */
export async function selectContact(
  sql: Sql,
  { pointId, id }: { pointId: number; id: number },
  { isHeld = false } = {},
): Promise<ContactRow | undefined> {
  const [row] = await sql.query<ContactRow>(
    `select id, name, role, phone, email, note from contacts where point_id = $1 and id = $2
     ${isHeld ? 'for update' : ''}`,
    [pointId, id],
  )
  return row
}

/** Deletes a contact. */
export async function deleteContact(tx: Sql, id: number): Promise<void> {
  await tx.query('delete from contacts where id = $1', [id])
}

/** What a document is. */
export const DOCUMENT_KINDS = [
  ...(['resolution', 'plan', 'photo', 'report', 'certificate', 'contract', 'other'] as const),
] as const

/** A document, without its bytes. */
export interface DocumentRow {
  id: number
  name: string
  title: string
  kind: (typeof DOCUMENT_KINDS)[number]
  mediaType: string
  size: number
  digest: string
  note: string | null
  uploadedBy: string
  uploadedAt: number
  archivedAt: number | null
}

/** Fields of a document that may change, and their columns. */
export const DOCUMENT_COLUMNS = { title: 'title', kind: 'kind', note: 'note' } satisfies Columns

const DOCUMENT = `select id, name, title, kind, media_type as "mediaType", size, encode(digest, 'hex') as digest, note,
  uploaded_by as "uploadedBy", uploaded_at as "uploadedAt", archived_at as "archivedAt" from documents`

/** Documents of a point, newest first, before a given one. */
export function selectDocuments(
  sql: Sql,
  pointId: number,
  { beforeId, limit, archived }: { beforeId: number; limit: number; archived: 'false' | 'true' | 'all' },
): Promise<DocumentRow[]> {
  return sql.query<DocumentRow>(
    `${DOCUMENT} where point_id = $1 and id < $2::bigint
       and ($4::text = 'all' or (archived_at is null) = ($4::text = 'false'))
     order by id desc limit $3`,
    [pointId, beforeId, limit, archived],
  )
}

/** A document of a point; with `isHeld` until the transaction ends. */
export async function selectDocument(
  sql: Sql,
  { pointId, id }: { pointId: number; id: number },
  { isHeld = false } = {},
): Promise<DocumentRow | undefined> {
  const [row] = await sql.query<DocumentRow>(
    `${DOCUMENT} where point_id = $1 and id = $2 ${isHeld ? 'for update' : ''}`,
    [pointId, id],
  )
  return row
}

/** The bytes of a document. */
export async function selectDocumentBytes(sql: Sql, id: number): Promise<Uint8Array | undefined> {
  const [row] = await sql.query<{ bytes: Uint8Array }>(
    'select bytes from document_bytes where document_id = $1',
    [id],
  )
  return row?.bytes
}

/** What the documents of a point take, archived ones too. The point is held until the transaction ends. */
export async function weighDocuments(tx: Sql, pointId: number): Promise<{ count: number; bytes: number }> {
  await tx.query('select from points where id = $1 for update', [pointId])
  const [row] = await tx.query<{ count: number; bytes: number }>(
    'select count(*)::int as count, coalesce(sum(size), 0)::bigint as bytes from documents where point_id = $1',
    [pointId],
  )
  return row ?? { count: 0, bytes: 0 }
}

/** Keeps a document. Returns its number; the same bytes of the same point are one document. */
export async function insertDocument(
  tx: Sql,
  document: Omit<DocumentRow, 'id' | 'digest' | 'archivedAt' | 'size'> & {
    pointId: number
    digest: Uint8Array
    bytes: Uint8Array
  },
): Promise<{ id: number; isNew: boolean }> {
  const { pointId, name, title, kind, mediaType, digest, note, uploadedBy, uploadedAt, bytes } = document
  const [same] = await tx.query<{ id: number }>(
    'select id from documents where point_id = $1 and digest = $2 and archived_at is null',
    [pointId, digest],
  )
  if (same !== undefined) return { id: same.id, isNew: false }
  const [row] = await tx.query<{ id: number }>(
    `insert into documents (point_id, name, title, kind, media_type, size, digest, note, uploaded_by, uploaded_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, to_timestamp($10::float8 / 1000)) returning id`,
    [pointId, name, title, kind, mediaType, bytes.length, digest, note, uploadedBy, uploadedAt],
  )
  const id = row?.id ?? 0
  await tx.query('insert into document_bytes (document_id, bytes) values ($1, $2)', [id, bytes])
  return { id, isNew: true }
}
