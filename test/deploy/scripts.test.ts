// Every shell script of the repository, read by shellcheck.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { test } from 'node:test'
import { skipWithout } from '../peers.ts'

test('shellcheck finds nothing in any script', { skip: skipWithout('shellcheck') }, () => {
  const scripts = globSync('{deploy,bin}/**/*.sh')
  assert.ok(scripts.length > 0)
  const { status, stdout } = spawnSync(
    'shellcheck',
    ['--external-sources', '--source-path=SCRIPTDIR', '--severity=style', ...scripts],
    { encoding: 'utf8' },
  )
  assert.equal(status, 0, stdout)
})
