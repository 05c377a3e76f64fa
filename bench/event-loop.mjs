/** The event loop's longest delay while a phase is built and while text is generated, in this process. Delay is what monitorEventLoopDelay (1 ms) adds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { ROOT } from '../scripts/lib.mjs';
import { fetchModel } from '../scripts/models.mjs';
import { publish } from './lib.mjs';

const { createTara } = await import(join(ROOT, 'dist', 'src', 'index.js'));
const base = process.env.TARA_BENCH_BASE ?? (await fetchModel('smollm2'));
const chatModel = await fetchModel('smollm2');
const scratch = mkdtempSync(join(tmpdir(), 'tara-bench-'));

/** Milliseconds beyond the monitor's own 1 ms resolution. */
async function delayDuring(work) {
  const monitor = monitorEventLoopDelay({ resolution: 1 });
  monitor.enable();
  await work();
  monitor.disable();
  return { maxMs: monitor.max / 1e6 - 1, p99Ms: monitor.percentile(99) / 1e6 - 1 };
}

const tara = await createTara({ home: join(scratch, '.tara') });
try {
  tara.phases.create(1, { base });
  for (const name of ['healthcare', 'education']) {
    tara.phases.addDomain(1, name, { path: join(ROOT, 'examples', 'adapters', name) });
    tara.phases.updateDomain(1, name, { status: 'complete' });
  }
  const build = await delayDuring(() => tara.phases.build(1));
  const model = await tara.engine.load(chatModel, { slots: 1 });
  const generate = await delayDuring(() => model.generate('Once upon a time', { maxTokens: 200, temperature: 0 }).text());
  publish('event-loop', { build, generate, targetMs: 20 });
} finally {
  await tara.close();
  rmSync(scratch, { recursive: true, force: true });
}
