#!/usr/bin/env node
/**
 * Trains plugins/emotion/data: both tiers, calibration and thresholds (plugins/emotion/training). The same data, Node and
 * embeddings give the same bytes: one seeded order, no threads, no clock. The *.dev.tsv files are not read.
 *
 *   npm run setup && tara-gguf convert MINILM --output minilm.gguf --type f16
 *   node scripts/train-emotion.mjs --embedding-model minilm.gguf [--cache DIR] [--data ../shared/data/emotion] [--output plugins/emotion/data]
 *
 * Without --embedding-model only tier (a) is trained. --cache keeps sentence vectors, which take minutes, for a next run.
 * Data: xed.train.tsv (XED, CC BY 4.0) and goemotions.train.tsv (GoEmotions, Apache-2.0), see plugins/emotion/ATTRIBUTION.md,
 * and lines written for this project in plugins/emotion/training.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: join(root, '../shared/data/emotion') },
    output: { type: 'string', default: join(root, 'plugins/emotion/data') },
    'embedding-model': { type: 'string' },
    cache: { type: 'string' },
  },
});
const dist = (path) => import(new URL(`../dist/${path}`, import.meta.url)).catch(() => {
  console.error('dist/ is missing: run `npm run setup` first');
  process.exit(1);
});
const { parseRows } = await dist('plugins/emotion/training/rows.js');
const { ownSource, crisisRows } = await dist('plugins/emotion/training/own.js');
const { train } = await dist('plugins/emotion/training/train.js');
const { saveModel } = await dist('plugins/emotion/reading/files.js');
const { DEPTHS } = await dist('plugins/emotion/reading/vectors.js');

/** Vectors of many texts, kept in the cache folder under the digest of all of them. */
function cached(embed, folder) {
  if (folder === undefined) return embed;
  mkdirSync(folder, { recursive: true });
  return async (texts) => {
    const path = join(folder, `${createHash('sha256').update(JSON.stringify([DEPTHS, texts])).digest('hex')}.f32`);
    if (!existsSync(path)) {
      const rows = await embed(texts);
      writeFileSync(path, Buffer.concat(rows.map((row) => Buffer.from(row.buffer, row.byteOffset, row.byteLength))));
    }
    const all = readFileSync(path);
    const width = all.byteLength / texts.length;
    return texts.map((_, index) => new Float32Array(all.buffer.slice(all.byteOffset + index * width, all.byteOffset + (index + 1) * width)));
  };
}

let embed;
let close = async () => {};
if (options['embedding-model'] !== undefined) {
  const { createEmbedder, createModelStore } = await dist('src/models/index.js');
  const { createEngine } = await dist('src/engine/index.js');
  const store = createModelStore(createEngine());
  const embedder = createEmbedder(options['embedding-model'], store);
  const CHUNK = 512;
  embed = cached(async (texts) => {
    const rows = [];
    for (let from = 0; from < texts.length; from += CHUNK) rows.push(...(await embedder.embed(texts.slice(from, from + CHUNK), { depths: DEPTHS })));
    return rows;
  }, options.cache);
  close = () => store.close();
}

const source = (name, expert, gate) => ({ name, expert, weight: { labels: 1, gate }, rows: parseRows(readFileSync(join(options.data, `${name}.train.tsv`), 'utf8'), name) });
let last = '';
const model = await train({
  // XED has fewer rows and is read worse: its lines count more where the gate is in doubt.
  sources: [source('xed', 0, 8), source('goemotions', 1, 1), await ownSource()],
  crisis: await crisisRows(),
  embed,
  onProgress(fraction, step) {
    const line = `${Math.floor(fraction * 20) * 5} % ${step}`;
    if (line !== last) console.log(line);
    last = line;
  },
});
await close();
const meta = await saveModel(options.output, model);
console.log(`weights.bin ${meta.words.sha256}`);
if (meta.head !== null) console.log(`head.bin ${meta.head.sha256}`);
