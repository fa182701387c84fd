#!/usr/bin/env node
import { launch } from './launch.js'

// A gateway is a small machine: no compilers that trade memory for speed, a small young generation, one arena of the C
// library for all threads, and what is freed goes back. That halves what it takes (test/bench/memory.ts); what it costs of
// the processor's time at 1,000 signals a second is a few hundredths of one core.
launch('edge', {
  flags: ['--max-semi-space-size=1', '--optimize-for-size', '--disable-optimizing-compilers'],
  environment: { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '131072' },
})
