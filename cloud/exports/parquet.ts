// An export as Parquet: a group of rows for each piece, so that no more than one is held.

import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import type { ExportedRow } from '../store/exports.ts'
import { type Column, linesOf } from './rows.ts'

/** The bytes of a Parquet file: `time` in UTC, then each variable and its quality. */
export async function* toParquet(
  pieces: AsyncIterable<readonly ExportedRow[]>,
  { columns, nameOf }: { columns: readonly Column[]; nameOf: (quality: number) => string },
): AsyncGenerator<Uint8Array> {
  const writer = new ByteWriter()
  const file = new ParquetWriter({ writer, schema: schemaOf(columns), createdBy: 'SmartHydro' })
  for await (const rows of pieces) {
    const lines = [...linesOf(rows, columns, nameOf)]
    const columnData = [
      { name: 'time', data: lines.map(({ at }) => new Date(at)) },
      ...columns.flatMap(({ variable }, place) => [
        { name: variable, data: lines.map(({ cells }) => cells[place]?.value ?? null) },
        { name: `${variable}_quality`, data: lines.map(({ cells }) => cells[place]?.quality ?? null) },
      ]),
    ]
    await file.write({ columnData, rowGroupSize: Math.max(1, lines.length) })
    yield taken(writer)
  }
  await file.finish()
  yield taken(writer)
}

/** What was written since the last time. */
function taken(writer: ByteWriter): Uint8Array {
  const bytes = writer.getBytes().slice()
  writer.index = 0
  return bytes
}

function schemaOf(columns: readonly Column[]): ConstructorParameters<typeof ParquetWriter>[0]['schema'] {
  const optional = { repetition_type: 'OPTIONAL' } as const
  return [
    { name: 'root', num_children: 1 + 2 * columns.length },
    { name: 'time', type: 'INT64', converted_type: 'TIMESTAMP_MILLIS', repetition_type: 'REQUIRED' },
    ...columns.flatMap(
      ({ variable }) =>
        [
          { name: variable, type: 'DOUBLE', ...optional },
          { name: `${variable}_quality`, type: 'BYTE_ARRAY', converted_type: 'UTF8', ...optional },
        ] as const,
    ),
  ]
}
