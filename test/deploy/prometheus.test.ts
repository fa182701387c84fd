// What Prometheus is told: read and tried by its own promtool, and naming only what the services count.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'yaml'
import { ANALYTICS_METRICS } from '../../cloud/analytics/service.ts'
import { API_METRICS } from '../../cloud/api/service.ts'
import { COLLECTOR_METRICS } from '../../cloud/collector/service.ts'
import { COMPLIANCE_METRICS } from '../../cloud/compliance/service.ts'
import { PROCESSOR_METRICS } from '../../cloud/processor/service.ts'
import { SERVICE_PORTS } from '../../cloud/service.ts'
import { skipWithout } from '../peers.ts'

const RULES = 'deploy/prometheus/rules/smarthydro.yml'
const promtool = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' })
  assert.equal(status, 0, `${stdout}${stderr}`)
  return stdout
}

test('promtool takes the configuration, and its rules tell what they should', {
  skip: skipWithout('promtool'),
}, () => {
  assert.match(promtool('check', 'config', 'deploy/prometheus/prometheus.yml'), /rule files found/)
  assert.match(promtool('test', 'rules', 'deploy/prometheus/tests/smarthydro.test.yml'), /SUCCESS/)
})

test('rules name what services count, and each of them is tried', () => {
  const { groups } = parse(readFileSync(RULES, 'utf8')) as {
    groups: { rules: { alert: string; expr: string; annotations: object; labels: { severity: string } }[] }[]
  }
  const known = new Set(
    [COLLECTOR_METRICS, PROCESSOR_METRICS, COMPLIANCE_METRICS, ANALYTICS_METRICS, API_METRICS]
      .flat()
      .map(({ name }) => name),
  )
  const tried = readFileSync('deploy/prometheus/tests/smarthydro.test.yml', 'utf8')
  const rules = groups.flatMap(group => group.rules)
  for (const { alert, expr, annotations, labels } of rules) {
    for (const [name] of expr.matchAll(/\b(collector|processor|compliance|analytics|api)_\w+/g))
      assert.ok(known.has(name), `${alert}: ${name}`)
    assert.ok('summary' in annotations, alert)
    assert.match(labels.severity, /^(page|ticket|none)$/)
    assert.ok(tried.includes(`alertname: ${alert}`), `${alert} is not tried`)
  }
})

test('asks every service on its port', () => {
  const { scrape_configs: jobs } = parse(readFileSync('deploy/prometheus/prometheus.yml', 'utf8'))
  const asked = jobs[0].static_configs.map(
    ({ targets, labels }: { targets: string[]; labels: { service: string } }) => [labels.service, targets[0]],
  )
  const ports = Object.entries(SERVICE_PORTS).map(([name, port]) => [name, `${name}:${port}`])
  assert.deepEqual(asked.sort(), ports.sort())
})
