#!/usr/bin/env node
// The command line: what it was called with in, the exit status out.

import { main } from '../cli/main.js'

process.exitCode = await main(process.argv.slice(2))
