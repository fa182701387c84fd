// What differs between two documents and between two texts, as plain data.

/** A field in which two documents differ, as text; undefined: it is not there. */
export interface FieldChange {
  path: string
  before: string | undefined
  after: string | undefined
}

/** The fields in which two documents differ, by their dotted paths, in the order of the first that has them. */
export function fieldChanges(before: unknown, after: unknown): FieldChange[] {
  const [was, is] = [flatten(before), flatten(after)]
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter(path => was.get(path) !== is.get(path))
    .map(path => ({ path, before: was.get(path), after: is.get(path) }))
}

const DEPTH_MAX = 12

function flatten(document: unknown): Map<string, string> {
  const found = new Map<string, string>()
  const waiting: { path: string; value: unknown; depth: number }[] = [{ path: '', value: document, depth: 0 }]
  for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
    const { path, value, depth } = one
    if (value === undefined) continue
    const isTree = typeof value === 'object' && value !== null && Object.keys(value).length > 0
    if (!isTree || depth === DEPTH_MAX) {
      found.set(path, typeof value === 'string' ? value : JSON.stringify(value))
      continue
    }
    const children = Object.entries(value).map(([name, child]) => ({
      path: path === '' ? name : `${path}.${name}`,
      value: child,
      depth: depth + 1,
    }))
    waiting.unshift(...children)
  }
  return found
}

/** A line of two texts: in both, in one; or how many were left out between such. */
export interface LineChange {
  kind: 'same' | 'added' | 'removed' | 'left-out'
  line: string
  number: number
}

const AROUND = 3
/** Beyond this the texts are shown as one after the other: comparing takes the product of their lines. */
const LINES_MAX = 2_000

/** Two texts line by line, by their longest common part; lines far from any change are left out. */
export function lineChanges(before: string, after: string): LineChange[] {
  const [was, is] = [before.split('\n'), after.split('\n')]
  const all = was.length > LINES_MAX || is.length > LINES_MAX ? apart(was, is) : compared(was, is)
  return nearChanges(all).map((one, number) => ({ ...one, number }))
}

type Line = Omit<LineChange, 'number'>

const apart = (was: readonly string[], is: readonly string[]): Line[] => [
  ...was.map(line => ({ kind: 'removed' as const, line })),
  ...is.map(line => ({ kind: 'added' as const, line })),
]

function compared(was: readonly string[], is: readonly string[]): Line[] {
  const width = is.length + 1
  // How long the longest common part of the rests is.
  const common = new Uint32Array((was.length + 1) * width)
  const at = (row: number, column: number) => common[row * width + column] ?? 0
  for (let row = was.length - 1; row >= 0; row -= 1) {
    for (let column = is.length - 1; column >= 0; column -= 1) {
      common[row * width + column] =
        was[row] === is[column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1))
    }
  }
  const lines: Line[] = []
  let [row, column] = [0, 0]
  while (row < was.length || column < is.length) {
    if (row < was.length && column < is.length && was[row] === is[column]) {
      lines.push({ kind: 'same', line: was[row] ?? '' })
      row += 1
      column += 1
    } else if (row < was.length && (column === is.length || at(row + 1, column) >= at(row, column + 1))) {
      lines.push({ kind: 'removed', line: was[row] ?? '' })
      row += 1
    } else {
      lines.push({ kind: 'added', line: is[column] ?? '' })
      column += 1
    }
  }
  return lines
}

function nearChanges(lines: readonly Line[]): Line[] {
  const isNear = lines.map(() => false)
  lines.forEach(({ kind }, index) => {
    if (kind !== 'same') isNear.fill(true, Math.max(0, index - AROUND), index + AROUND + 1)
  })
  const shown: Line[] = []
  let leftOut = 0
  const close = () => {
    if (leftOut > 0) shown.push({ kind: 'left-out', line: String(leftOut) })
    leftOut = 0
  }
  lines.forEach((line, index) => {
    if (isNear[index] !== true) {
      leftOut += 1
      return
    }
    close()
    shown.push(line)
  })
  close()
  return shown
}
