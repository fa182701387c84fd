// Counters and gauges, in the text format that Prometheus reads.
//
// The format is defined in Prometheus' documentation, "Exposition formats", version 0.0.4.

/** Labels of one time series. */
export type Labels = Record<string, string>

/** Counts, and what was counted. */
export interface Metrics {
  /** Adds to a counter. */
  count(name: string, labels?: Labels, by?: number): void
  /** Sets a gauge. */
  gauge(name: string, value: number, labels?: Labels): void
  /** Everything as `name{labels} value`, for tests and for health messages. */
  read(): Record<string, number>
  /** Prometheus text. */
  text(): string
}

/** One metric, named once where its process is put together. */
export interface MetricHelp {
  name: string
  type: 'counter' | 'gauge'
  help: string
}

/** Opens a registry for the given metrics. Counting a name that is not among them is a bug and throws. */
export function openMetrics(known: readonly MetricHelp[]): Metrics {
  const values = new Map<string, Map<string, number>>(known.map(({ name }) => [name, new Map()]))
  const series = (name: string) => {
    const found = values.get(name)
    if (found === undefined) throw new Error(`Unknown metric ${name}`)
    return found
  }
  return {
    count(name, labels = {}, by = 1) {
      const key = labelText(labels)
      const found = series(name)
      found.set(key, (found.get(key) ?? 0) + by)
    },
    gauge(name, value, labels = {}) {
      series(name).set(labelText(labels), value)
    },
    read() {
      const all: Record<string, number> = {}
      for (const [name, found] of values) for (const [key, value] of found) all[name + key] = value
      return all
    },
    text() {
      const lines: string[] = []
      for (const { name, type, help } of known) {
        lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
        for (const [key, value] of series(name)) lines.push(`${name}${key} ${value}`)
      }
      return `${lines.join('\n')}\n`
    },
  }
}

/** What `GET /metrics` answers: Prometheus text, or JSON with `facts` for who accepts that. */
export function toMetricsAnswer(
  metrics: Pick<Metrics, 'read' | 'text'>,
  accept: string | undefined,
  facts: Record<string, unknown>,
): { body: string; type: string } {
  return accept?.includes('application/json')
    ? { body: JSON.stringify({ ...facts, metrics: metrics.read() }), type: 'application/json' }
    : { body: metrics.text(), type: 'text/plain; version=0.0.4; charset=utf-8' }
}

function labelText(labels: Labels): string {
  const names = Object.keys(labels).sort()
  if (names.length === 0) return ''
  const pairs = names.map(name => `${name}="${escapeLabel(labels[name] ?? '')}"`)
  return `{${pairs.join(',')}}`
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
