/** Which layers and channels the model can lose: each structure is written, refitted, and measured against the whole model by true divergence. */

import { join } from 'node:path';
import { sequencesOf, type GgufFile, type Yardstick } from 'tara-gguf';
import { z } from 'zod';
import type { Cache } from '../hybrid/cache.js';
import { divergenceOf, structureYardstick, type BenchOptions } from './bench.js';
import { Surgery, WIDTH_STEP } from './channels.js';
import { sameStructure, structureName, WHOLE, type MeasuredStructure, type Progress, type Structure } from './world.js';

/** Tokens of all texts together that channels are learned from. */
const READ = 10_000;
const CONTEXT = 512;
/** Layers that are tried alone: those that change the residual stream least. */
const CANDIDATES = 3;
/** The most that go. */
const MOST_LAYERS = 2;

const structuresSchema = z.array(z.object({ layers: z.array(z.number()), width: z.number().nullable(), loss: z.number(), unhealed: z.number().nullable() }));
/** What the choice of structures looks at. */
const shapeSchema = z.object({ width: z.number(), influence: z.array(z.tuple([z.number(), z.number()])) });
type Shape = z.infer<typeof shapeSchema>;

/** Reads the texts. Null for a model whose channels cannot be seen. */
export async function openSurgery(options: BenchOptions, file: GgufFile, texts: readonly string[], onProgress: Progress): Promise<Surgery | null> {
  const { engine, model: path, threads, signal } = options;
  await using model = await engine.load(path, { contextSize: CONTEXT, slots: 1, threads, signal });
  const sequences: Int32Array[] = [];
  for (const text of texts) sequences.push(...(await sequencesOf(model, text, { contextSize: CONTEXT, chunks: Math.max(1, Math.floor(READ / CONTEXT / texts.length)), signal })));
  return await Surgery.open(file, model, sequences, { threads, signal, onProgress: (fraction) => onProgress(fraction, 'what channels compute') });
}

/** Measures structures, each once: what is known is kept from one to the next. */
type Measure = (structure: Structure) => Promise<MeasuredStructure>;

/** Layers one after the other, each time the one whose loss is least; each beside no other that went, since its neighbour makes up for it. */
async function layersOneByOne({ influence }: Shape, measure: Measure): Promise<MeasuredStructure[]> {
  const found: MeasuredStructure[] = [];
  const last = Math.max(...influence.map(([layer]) => layer));
  // The first layer has no neighbour before it, and the last shapes what the head reads.
  const candidates = influence.filter(([layer]) => layer > 0 && layer < last).sort((a, b) => a[1] - b[1]).map(([layer]) => layer);
  let gone: readonly number[] = [];
  while (gone.length < MOST_LAYERS) {
    const free = candidates.filter((layer) => !gone.some((other) => Math.abs(other - layer) <= 1)).slice(0, gone.length === 0 ? CANDIDATES : 1);
    let best: MeasuredStructure | undefined;
    for (const layer of free) {
      const one = await measure({ layers: [...gone, layer].sort((a, b) => a - b), width: null });
      if (!best || one.loss < best.loss) best = one;
    }
    if (!best) break;
    found.push(best);
    gone = best.layers;
  }
  return found;
}

async function all(shape: Shape, measure: Measure): Promise<MeasuredStructure[]> {
  const width = shape.width - WIDTH_STEP;
  const narrower = width >= WIDTH_STEP ? [await measure({ layers: [], width })] : [];
  const layers = await layersOneByOne(shape, measure);
  const [first] = layers;
  return [...narrower, ...layers, ...(first && width >= WIDTH_STEP ? [await measure({ layers: first.layers, width })] : [])];
}

const MOST_TRIALS = CANDIDATES + MOST_LAYERS - 1 + 2;

/** The whole model, with its loss of 0, and what was measured beside it. `surgery` is asked for where measurements are not known. */
export async function measureStructures(options: BenchOptions, surgery: () => Promise<Surgery | null>, probe: string, cache: Cache, onProgress: Progress): Promise<MeasuredStructure[]> {
  const whole = { ...WHOLE, loss: 0, unhealed: null };
  const opened = async (): Promise<Surgery> => {
    const made = await surgery();
    if (!made) throw new Error('the structures of a model whose channels cannot be seen');
    return made;
  };
  let shape = await cache.read('shape.json', shapeSchema);
  if (!shape) {
    const made = await surgery();
    if (!made) return [whole];
    shape = { width: made.width, influence: [...made.influence] };
    await cache.write('shape.json', shape);
  }
  const known = (await cache.read('structures.json', structuresSchema)) ?? [];
  let yardstick: Yardstick | undefined;
  try {
    let asked = 0;
    const measure: Measure = async (structure) => {
      asked += 1;
      const found = known.find((one) => sameStructure(one, structure));
      if (found) return found;
      onProgress((asked - 1) / MOST_TRIALS, structureName(structure));
      const made = await opened();
      yardstick ??= await structureYardstick(options, probe);
      const healed = await made.heal(structure, join(options.workDir, 'healed.safetensors'), options);
      const loss = await divergenceOf(options, yardstick, healed);
      const { weights, ...unhealed } = healed;
      const one = { ...structure, loss, unhealed: weights === undefined ? null : await divergenceOf(options, yardstick, unhealed) };
      known.push({ ...one, layers: [...one.layers] });
      await cache.write('structures.json', known);
      return one;
    };
    return [whole, ...(await all(shape, measure))];
  } finally {
    await yardstick?.dispose();
  }
}
