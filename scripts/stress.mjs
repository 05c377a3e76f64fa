/** `npm run stress -- 100 [FILE…]`: runs the tests of ends, aborts and races again and again, and stops at the first failure. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './lib.mjs';

const FILES = ['test/engine/lifecycle.test.ts', 'test/engine/processes.test.ts', 'test/plan/processes.test.ts', 'test/phases/processes.test.ts', 'test/cli/interrupted.test.ts'];
const TESTS = 'event loop|killed|in the middle of|process.exit|exception|terminated|dispose|during work|at once after|while decoding|while waiting|leaving the loop|before the start|ends by itself|freed';

const times = Number(process.argv[2] ?? 10);
const named = process.argv.slice(3);
const files = named.length > 0 ? named : FILES;
const started = performance.now();
for (let i = 1; i <= times; i += 1) {
  const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...files, '-t', TESTS], { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 << 20, env: { ...process.env, NO_COLOR: '1' } });
  if (status !== 0) {
    console.log(stdout);
    console.log(`stress: failed in run ${i} of ${times}`);
    process.exit(1);
  }
  const passed = /Tests\s+(\d+) passed/.exec(stdout)?.[1];
  console.log(`run ${i} of ${times}: ${passed} passed, ${Math.round((performance.now() - started) / 1000)} s`);
}
