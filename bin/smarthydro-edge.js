#!/usr/bin/env node
import { launch } from './launch.js'

// A small young generation: at most about 185 MB instead of 215 MB while a backlog drains (test/bench/memory.ts).
launch('edge', ['--max-semi-space-size=4'])
