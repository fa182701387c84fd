// The database, as the rest of the cloud sees it: statements with parameters, rows back, transactions.
//
// Two implementations exist: PostgreSQL through `pg` (postgres.ts), and, in tests, the WebAssembly build.
// Both give back: int2, int4, int8, float8 as numbers; timestamptz as epoch milliseconds; date as `YYYY-MM-DD`;
// json and jsonb as what they hold; bytea as Uint8Array; arrays of these as arrays.
// Both take: numbers, strings, booleans, null, Uint8Array, and arrays of these. Instants go in as float8 epoch
// milliseconds and are converted in the statement: `to_timestamp($1::float8 / 1000)`.

/** Runs statements. */
export interface Sql {
  /**
   * Runs one statement and returns its rows. A statement of constant text is prepared once per connection.
   *
   * Throws Unavailable when the database cannot be reached or went away, and DatabaseRefused when it refused.
   */
  query<Row extends object>(text: string, params?: readonly Param[]): Promise<Row[]>
}

/** What may be handed to a statement. */
export type Param =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly (null | boolean | number | string)[]

/** The database. */
export interface Database extends Sql {
  /**
   * Runs `work` in one transaction and commits it. When `work` throws, everything it did is undone and the error is
   * passed on. When the COMMIT itself gets no answer, throws Unavailable: it may or may not have happened.
   */
  transaction<T>(work: (tx: Sql) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** Runs a script of several statements without parameters: migrations. */
  script(text: string): Promise<void>
  close(): Promise<void>
}

/** What is unusual about a transaction. */
export interface TransactionOptions {
  /** How long each statement may run, where that is longer than usual: migrations. */
  statementTimeoutMs?: number
  /** Reads everything as it was at one instant, and writes nothing. */
  asOfOneInstant?: boolean
}

/** The database understood and refused. `code` is its SQLSTATE. */
export class DatabaseRefused extends Error {
  override readonly name = 'DatabaseRefused'
  readonly code: string
  readonly constraint: string | undefined
  /**
   * True when it is what was sent that it will never take: data it cannot hold (class 22), a rule that the data breaks
   * (21, 23, 44), a limit that the data passes (54), a trigger's own refusal (P0001), a fault inside that the data met
   * (XX). False when anybody would be refused: a table that is not there, a right that is missing.
   */
  readonly isAboutData: boolean

  constructor(
    message: string,
    { code, constraint, cause }: { code: string; constraint?: string; cause: unknown },
  ) {
    super(message, { cause })
    this.code = code
    this.constraint = constraint
    this.isAboutData = /^(21|22|23|44|54|XX|P0001)/.test(code)
  }
}
