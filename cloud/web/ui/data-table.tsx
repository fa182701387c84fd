// A table: rows at a desk, a card for each in the hand.

import type { ReactNode } from 'react'
import '../styles/data-table.css'

/** A column, and what stands in it. */
export interface Column<Row> {
  key: string
  /** Empty for a column of buttons. */
  head: string
  cell: (row: Row) => ReactNode
  align?: 'right'
  /** Heads the card in the hand. */
  isMain?: boolean
  /** Left out in the hand. */
  isDeskOnly?: boolean
}

/** A table of rows. */
export function DataTable<Row>({
  label,
  columns,
  rows,
  keyOf,
  isMarked,
  maxHeight = false,
}: {
  label: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  keyOf: (row: Row) => string | number
  /** Whether a row stands out. */
  isMarked?: (row: Row) => boolean
  /** Whether it scrolls within itself when it is long. */
  maxHeight?: boolean
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section className={`table-frame ${maxHeight ? 'is-tall' : ''}`} aria-label={label} tabIndex={0}>
      <table className="table data-table">
        <thead>
          <tr>
            {columns.map(({ key, head, align }) => (
              <th key={key} className={align} scope="col">
                {head === '' ? <span className="visually-hidden">{label}</span> : head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(row => (
            <tr key={keyOf(row)} className={isMarked?.(row) === true ? 'is-marked' : undefined}>
              {columns.map(({ key, head, cell, align, isMain = false, isDeskOnly = false }) => (
                <td
                  key={key}
                  className={[
                    align ?? '',
                    isMain ? 'cell-main' : '',
                    isDeskOnly ? 'cell-desk' : '',
                    head === '' ? 'cell-actions' : '',
                  ].join(' ')}
                  data-label={isMain || head === '' ? undefined : head}
                >
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
