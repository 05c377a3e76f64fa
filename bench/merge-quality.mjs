/**
 * What merging several adapters into one model keeps of each: base, own adapter alone, the plain sum, TIES and `auto`,
 * as float models, on unseen items. `auto` sees calibration items only.
 *
 * TARA_BENCH_BASE: SmolLM2-135M-Instruct as a checkpoint or GGUF file, the one the adapters belong to.
 * TARA_BENCH_ADAPTERS: a folder with one PEFT folder a domain (default: examples/adapters).
 * TARA_DATA: a folder with domain-text/DOMAIN.jsonl and calibration/DOMAIN.jsonl (default: examples).
 * TARA_BENCH_ITEMS: unseen items a domain (default 24); as many again after them are a second sample.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convert, createTaraEngine } from '../dist/src/index.js';
import { domainLoss, readLossItems } from '../dist/src/models/index.js';
import { chooseMerge } from '../dist/src/phases/build/merge-auto.js';
import { sharedPool } from '../dist/src/workers/index.js';
import { ROOT } from '../scripts/lib.mjs';
import { optional, publish } from './lib.mjs';

const base = process.env.TARA_BENCH_BASE;
if (!base) throw new Error('set TARA_BENCH_BASE to the base model of the adapters');
const adapters = optional('TARA_BENCH_ADAPTERS', 'a folder of adapters; examples/adapters has three') ?? join(ROOT, 'examples', 'adapters');
const data = optional('TARA_DATA', 'a folder with domain-text and calibration; examples has few items') ?? join(ROOT, 'examples');
const ITEMS = Number(process.env.TARA_BENCH_ITEMS ?? 24);

const domains = readdirSync(adapters, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name).sort();
const samples = { first: [0, ITEMS], next: [ITEMS, 2 * ITEMS] };
const items = Object.fromEntries(await Promise.all(domains.map(async (name) => [name, await readLossItems(join(data, 'domain-text', `${name}.jsonl`))])));
const scratch = mkdtempSync(join(tmpdir(), 'tara-merge-quality-'));
const engine = createTaraEngine();

/** Losses of the base with adapters of these weights, by sample and domain. */
async function losses(weights, merge, { measured = domains, rewritten } = {}) {
  const path = join(scratch, 'merged.gguf');
  const used = Object.entries(weights).map(([name, weight]) => ({ dir: rewritten?.get(name)?.dir ?? join(adapters, name), weight }));
  await convert({ base, adapters: used, outputs: [{ id: 'merged', path, type: 'f16' }], ...(merge ? { merge } : {}) });
  const model = await engine.load(path, { slots: 1, contextSize: 2048 });
  const found = {};
  for (const [sample, [from, to]] of Object.entries(samples)) {
    found[sample] = {};
    for (const name of measured) found[sample][name] = (await domainLoss(model, items[name].slice(from, to))).meanLoss;
  }
  await model.dispose();
  rmSync(path);
  return found;
}

const alike = (weight) => Object.fromEntries(domains.map((name) => [name, weight]));
const sum = (values) => values.reduce((total, value) => total + value, 0);

try {
  const before = await losses({});
  const own = { first: {}, next: {} };
  for (const name of domains) {
    const alone = await losses({ [name]: 1 }, undefined, { measured: [name] });
    for (const sample of Object.keys(samples)) Object.assign(own[sample], alone[sample]);
  }
  const keptOf = (found, base, best) => {
    const kept = Object.fromEntries(domains.map((domain) => [domain, (base[domain] - found[domain]) / (base[domain] - best[domain])]));
    const ofTotalGain = sum(domains.map((domain) => base[domain] - found[domain])) / sum(domains.map((domain) => base[domain] - best[domain]));
    return { losses: found, kept, worstKept: Math.min(...Object.values(kept)), meanKept: sum(Object.values(kept)) / domains.length, ofTotalGain };
  };
  const row = (name, found, extra = {}) =>
    ({ name, ...extra, ...Object.fromEntries(Object.keys(samples).map((sample) => [sample, keptOf(found[sample], before[sample], own[sample])])) });
  const started = performance.now();
  const choice = await chooseMerge({
    base, engine, pool: sharedPool(), workDir: scratch,
    domains: domains.map((name) => ({ name, dir: join(adapters, name), calibration: join(data, 'calibration', `${name}.jsonl`) })),
    onProgress: (fraction, detail) => console.error(`${(100 * fraction).toFixed(0)} % ${detail}`),
  });
  const autoSeconds = (performance.now() - started) / 1000;
  publish('merge-quality', {
    task: `${domains.length} adapters into one float model, mean token loss on ${ITEMS} unseen items a domain, and on the ${ITEMS} after them`,
    base: before,
    own,
    merged: [
      row('linear, 0.4 each', await losses(alike(0.4))),
      row('ties, density 0.4', await losses(alike(1), { method: 'ties', density: 0.4 })),
      row('auto', await losses(choice.weights, choice.merge, { rewritten: choice.rewritten }), { merge: choice.merge, weights: choice.weights, seconds: autoSeconds, trials: choice.table.length }),
    ],
    targets: { ofTotalGain: 0.85, worstKept: 0.55 },
  });
} finally {
  await engine.dispose();
  rmSync(scratch, { recursive: true, force: true });
}
