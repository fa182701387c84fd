// deploy/k8s as kustomize builds it, held to the schemas of Kubernetes, KEDA and CloudNativePG, and to what we ask of it.
//
// Two ways: the models' validators for types and what is required, and the compiler for names that no schema knows. There is no cluster
// here: nothing is applied.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { API_METRICS } from '../../cloud/api/service.ts'
import { COLLECTOR_METRICS } from '../../cloud/collector/service.ts'
import { natsUsers } from '../../cloud/nats-users.ts'
import { PROCESSOR_METRICS } from '../../cloud/processor/service.ts'
import { SERVICE_NAMES, SERVICE_PORTS } from '../../cloud/service.ts'
import { temporaryFolder } from '../edge/buffer/folder.ts'
import { fileOf, skipWithout } from '../peers.ts'

interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string }
  // biome-ignore lint/suspicious/noExplicitAny: what it is, its schema says
  spec?: any
  data?: Record<string, string>
}

/** Where the models of an API group are, and the name of a kind's interface. */
function modelOf({ apiVersion, kind }: Manifest): { from: string; type: string } {
  if (apiVersion.startsWith('keda.sh/'))
    return { from: `@kubernetes-models/keda/${apiVersion}`, type: `I${kind}` }
  if (apiVersion.startsWith('postgresql.cnpg.io/'))
    return { from: `@kubernetes-models/cloudnative-pg/${apiVersion}`, type: `I${kind}` }
  return { from: `kubernetes-models/${apiVersion}`, type: `I${kind}` }
}

function build(overlay: string): Manifest[] {
  const { status, stdout, stderr } = spawnSync(
    fileOf('kustomize'),
    ['build', `deploy/k8s/overlays/${overlay}`],
    {
      encoding: 'utf8',
    },
  )
  assert.equal(status, 0, stderr)
  return parseAllDocuments(stdout).map(document => document.toJS())
}

const skip = skipWithout('kustomize')

for (const overlay of ['small', 'large']) {
  describe(`deploy/k8s/overlays/${overlay}`, { skip }, () => {
    const manifests = skip === false ? build(overlay) : []
    const ofKind = (kind: string) => manifests.filter(one => one.kind === kind)
    const named = (kind: string, name: string) => ofKind(kind).find(one => one.metadata.name === name)

    test('is what the schemas allow', async () => {
      for (const manifest of manifests) {
        const { from } = modelOf(manifest)
        const models = (await import(from)) as Record<string, new (data: Manifest) => { validate(): void }>
        const Model = models[manifest.kind]
        assert.ok(Model, `${from} has no ${manifest.kind}`)
        assert.doesNotThrow(
          () => new Model(manifest).validate(),
          `${manifest.kind} ${manifest.metadata.name}`,
        )
      }
    })

    test('names nothing that the schemas do not know', async context => {
      const folder = await temporaryFolder(context)
      const lines = manifests.map((manifest, index) => {
        const { from, type } = modelOf(manifest)
        return `import type { ${type} as T${index} } from '${from}'\nexport const m${index}: T${index} = ${JSON.stringify(manifest)}\n`
      })
      writeFileSync(join(folder, 'manifests.ts'), lines.join('\n'))
      const base = join(process.cwd(), 'node_modules')
      const config = {
        compilerOptions: {
          ...{
            noEmit: true,
            strict: true,
            module: 'nodenext',
            target: 'esnext',
            skipLibCheck: true,
            types: [],
          },
          paths: {
            'kubernetes-models/*': [`${base}/kubernetes-models/*`],
            '@kubernetes-models/*': [`${base}/@kubernetes-models/*`],
          },
        },
        files: ['manifests.ts'],
      }
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
      const { status, stdout } = spawnSync('tsc', ['--project', folder], { encoding: 'utf8' })
      assert.equal(status, 0, stdout)
    })

    test('runs every service as nobody, with bounds, probes, a budget and a network of its own', () => {
      for (const name of SERVICE_NAMES) {
        const { template } = named('Deployment', name)?.spec ?? assert.fail(name)
        const [container] = template.spec.containers
        assert.deepEqual(container.args, ['run', '--services', name])
        assert.equal(container.ports[0].containerPort, SERVICE_PORTS[name])
        assert.equal(template.spec.securityContext.runAsNonRoot, true)
        assert.equal(template.spec.automountServiceAccountToken, false)
        assert.deepEqual(container.securityContext, {
          ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
          capabilities: { drop: ['ALL'] },
        })
        for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
          assert.ok(container[probe], probe)
        assert.ok(container.resources.requests.cpu && container.resources.limits.memory)
        assert.equal(named('PodDisruptionBudget', name)?.spec.maxUnavailable, 1)
        assert.deepEqual(named('Service', name)?.spec.selector, { 'app.kubernetes.io/name': name })
        assert.equal(template.metadata.labels['app.kubernetes.io/name'], name)
      }
      assert.deepEqual(named('NetworkPolicy', 'nobody')?.spec, {
        podSelector: {},
        policyTypes: ['Ingress', 'Egress'],
      })
      for (const { metadata, kind } of manifests)
        if (kind !== 'Namespace') assert.equal(metadata.namespace, 'smarthydro', kind)
    })

    test('holds no secret, and takes them from one that somebody makes', () => {
      assert.deepEqual(ofKind('Secret'), [])
      for (const { spec } of ofKind('Deployment'))
        assert.deepEqual(spec.template.spec.containers[0].envFrom[1], { secretRef: { name: 'smarthydro' } })
    })

    test('has the nats-server let in whom the cloud prints', () => {
      const [config] = ofKind('ConfigMap').filter(({ metadata }) => metadata.name.startsWith('nats-'))
      const text = config?.data?.['nats.conf'] ?? ''
      assert.ok(text.endsWith(natsUsers([], [], { mqtt: false })))
      assert.equal(text.includes('cluster {'), overlay === 'large')
    })
  })
}

test('the small one is one of everything, the large one three to ten by what waits and by CPU', {
  skip,
}, () => {
  const small = build('small')
  for (const { kind, metadata, spec } of small)
    if (kind === 'Deployment' || kind === 'StatefulSet') assert.equal(spec.replicas, 1, metadata.name)
  const large = build('large')
  const scaled = large.filter(({ kind }) => kind === 'ScaledObject' || kind === 'HorizontalPodAutoscaler')
  assert.deepEqual(
    scaled.map(({ metadata, spec }) => [
      metadata.name,
      spec.minReplicaCount ?? spec.minReplicas,
      spec.maxReplicaCount ?? spec.maxReplicas,
    ]),
    [
      ['api', 3, 10],
      ['collector', 3, 10],
      ['processor', 3, 10],
    ],
  )
  const known = [COLLECTOR_METRICS, PROCESSOR_METRICS, API_METRICS].flat().map(({ name }) => name)
  for (const { spec } of scaled)
    for (const { type, metadata } of spec.triggers ?? [])
      if (type === 'prometheus')
        assert.ok(known.includes(/\((\w+)\{/.exec(metadata.query)?.[1] ?? ''), metadata.query)
  assert.equal(large.find(({ kind }) => kind === 'StatefulSet')?.spec.replicas, 3)
  assert.equal(large.find(({ kind }) => kind === 'Cluster')?.spec.instances, 3)
})

test('the nats-server of a small cluster is that of one machine', () => {
  const [one, other] = ['deploy/nats/nats.conf', 'deploy/k8s/overlays/small/nats.conf'].map(file =>
    readFileSync(file, 'utf8').split('\n').slice(2).join('\n'),
  )
  assert.equal(other, one)
})
