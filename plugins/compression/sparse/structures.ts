/** Which layers and channels the model can lose: each structure is written, refitted, and measured against the whole model by true divergence. */

import { join } from 'node:path';
import { sequencesOf, type GgufFile, type Yardstick } from 'tara-gguf';
import { z } from 'zod';
import type { Cache } from '../hybrid/cache.js';
import { divergenceOf, structureYardstick, type BenchOptions } from './bench.js';
import { Surgery, WIDTH_STEP } from './channels.js';
import { structureName, WHOLE, type MeasuredStructure, type Progress, type Structure } from './world.js';

/** Tokens of all texts together that channels are learned from. */
const READ = 10_000;
const CONTEXT = 512;
/** Layers that are tried alone: those that change the residual stream least. */
const CANDIDATES = 3;
/** The most that go. */
const MOST_LAYERS = 2;

const structuresSchema = z.array(z.object({ layers: z.array(z.number()), width: z.number().nullable(), loss: z.number(), unhealed: z.number().nullable() }));

/** Reads the texts. Null for a model whose channels cannot be seen. */
export async function openSurgery(options: BenchOptions, file: GgufFile, texts: readonly string[], onProgress: Progress): Promise<Surgery | null> {
  const { engine, model: path, threads, signal } = options;
  await using model = await engine.load(path, { contextSize: CONTEXT, slots: 1, threads, signal });
  const sequences: Int32Array[] = [];
  for (const text of texts) sequences.push(...(await sequencesOf(model, text, { contextSize: CONTEXT, chunks: Math.max(1, Math.floor(READ / CONTEXT / texts.length)), signal })));
  return await Surgery.open(file, model, sequences, { threads, signal, onProgress: (fraction) => onProgress(fraction, 'what channels compute') });
}

interface Trial {
  readonly options: BenchOptions;
  readonly surgery: Surgery;
  readonly yardstick: Yardstick;
}

async function measured({ options, surgery, yardstick }: Trial, structure: Structure): Promise<MeasuredStructure> {
  const healed = await surgery.heal(structure, join(options.workDir, 'healed.safetensors'), options);
  const loss = await divergenceOf(options, yardstick, healed);
  const { weights, ...unhealed } = healed;
  return { ...structure, loss, unhealed: weights === undefined ? null : await divergenceOf(options, yardstick, unhealed) };
}

/** Layers one after the other, each time the one whose loss is least; each beside no other that went, since its neighbour makes up for it. */
async function layersOneByOne(trial: Trial, tell: (step: number, name: string) => void): Promise<MeasuredStructure[]> {
  const found: MeasuredStructure[] = [];
  const { influence } = trial.surgery;
  // The first layer has no neighbour before it, and the last shapes what the head reads.
  const candidates = [...influence].filter(([layer]) => layer > 0 && layer < influence.size - 1).sort((a, b) => a[1] - b[1]).map(([layer]) => layer);
  let gone: number[] = [];
  while (gone.length < MOST_LAYERS) {
    const free = candidates.filter((layer) => !gone.some((other) => Math.abs(other - layer) <= 1)).slice(0, gone.length === 0 ? CANDIDATES : 1);
    let best: MeasuredStructure | undefined;
    for (const layer of free) {
      const structure = { layers: [...gone, layer].sort((a, b) => a - b), width: null };
      tell(found.length, structureName(structure));
      const one = await measured(trial, structure);
      if (!best || one.loss < best.loss) best = one;
    }
    if (!best) break;
    found.push(best);
    gone = [...best.layers];
  }
  return found;
}

/** The whole model, with its loss of 0, and what was measured beside it. `surgery` is asked for where measurements are not known. */
export async function measureStructures(options: BenchOptions, surgery: () => Promise<Surgery | null>, probe: string, cache: Cache, onProgress: Progress): Promise<MeasuredStructure[]> {
  const whole = { ...WHOLE, loss: 0, unhealed: null };
  const known = await cache.read('structures.json', structuresSchema);
  if (known) return [whole, ...known];
  const opened = await surgery();
  if (!opened) return [whole];
  await using yardstick = await structureYardstick(options, probe);
  const trial = { options, surgery: opened, yardstick };
  const found: MeasuredStructure[] = [];
  const width = opened.width - WIDTH_STEP;
  if (width >= WIDTH_STEP) {
    onProgress(0, structureName({ layers: [], width }));
    found.push(await measured(trial, { layers: [], width }));
  }
  found.push(...(await layersOneByOne(trial, (step, name) => onProgress(0.4 + 0.3 * step, name))));
  const [first] = found.filter(({ layers }) => layers.length > 0);
  if (width >= WIDTH_STEP && first) {
    onProgress(0.9, structureName({ layers: first.layers, width }));
    found.push(await measured(trial, { layers: first.layers, width }));
  }
  await cache.write('structures.json', found);
  return [whole, ...found];
}
