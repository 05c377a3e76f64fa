#!/usr/bin/env node
import { existsSync } from 'node:fs';

const entry = new URL('../dist/src/cli/process.js', import.meta.url);
if (existsSync(entry)) {
  const { main } = await import(entry.href);
  await main();
} else {
  process.stderr.write('error TARA_NOT_BUILT: tara-gguf is not built. Run `npm run setup`.\n');
  process.exitCode = 1;
}
