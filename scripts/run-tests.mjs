/** Runs the tests and ends with one line that says how many passed, failed and were skipped. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, readJson } from './lib.mjs';
import { cachedModel } from './models.mjs';

const report = join(ROOT, 'build', 'test-report.json');
mkdirSync(join(ROOT, 'build'), { recursive: true });
const model = process.env.TARA_TEST_MODEL ?? (await cachedModel('smollm2'));
if (!model) console.log('tests with a real model are skipped: `npm run demo` or `node scripts/models.mjs smollm2` fetches it');
if (!existsSync(join(ROOT, '..', 'shared'))) console.log('tests over the development corpora are skipped: ../shared is not there');

const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
const { status } = spawnSync(process.execPath, [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, ...(model ? { TARA_TEST_MODEL: model } : {}) },
});

const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0 } = existsSync(report) ? readJson(report) : {};
const summary = `tests: ${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`;
writeFileSync(join(ROOT, 'build', 'test-summary.txt'), `${summary}\n`);
console.log(summary);
process.exit(status ?? 1);
