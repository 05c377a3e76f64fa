/** The linear model of tier (a): int8 weights from scripts/train-emotion.mjs, checked before use. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { EMOTIONS, TaraError } from 'tara-gguf/plugin';
import { z } from 'zod';
import { features } from './features.js';

const CLASSES = EMOTIONS.length;
const eight = z.array(z.number()).length(CLASSES);

const metaSchema = z.object({
  format: z.literal(1),
  /** In this order everywhere. */
  emotions: z.array(z.string()).refine((names) => names.join() === EMOTIONS.join(), 'the emotions are not in the expected order'),
  buckets: z.int().min(1).max(1 << 24),
  /** Of weights.bin, lower-case hex. */
  sha256: z.string(),
  /** Value of one int8 step, for each emotion. */
  scales: eight,
  bias: eight,
  thresholds: z.array(z.number().min(0).max(1)).length(CLASSES),
});

export interface EmotionModel {
  /** From this probability on an emotion is a label; in the order of EMOTIONS. */
  readonly thresholds: readonly number[];
  /** Probability of each emotion, in the order of EMOTIONS; null for a text without words. */
  probabilities(text: string): readonly number[] | null;
}

/** Beside this file in the sources; three folders up, in the package, from dist. */
const FOLDERS = [new URL('./data/', import.meta.url), new URL('../../../plugins/emotion/data/', import.meta.url)];

async function readData(name: string, folders: readonly URL[]): Promise<{ readonly path: string; readonly bytes: Buffer }> {
  for (const folder of folders) {
    const path = fileURLToPath(new URL(name, folder));
    try {
      return { path, bytes: await readFile(path) };
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: String(thrown) }, { cause: thrown });
    }
  }
  throw new TaraError('TARA_FILE_NOT_FOUND', { path: fileURLToPath(new URL(name, folders[0])) });
}

function parseMeta(path: string, bytes: Buffer): z.infer<typeof metaSchema> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (thrown) {
    throw new TaraError('TARA_EMOTION_WEIGHTS', { path, reason: 'it is no JSON' }, { cause: thrown });
  }
  const parsed = metaSchema.safeParse(value);
  if (!parsed.success) throw new TaraError('TARA_EMOTION_WEIGHTS', { path, reason: parsed.error.issues[0]?.message ?? 'it has another form' });
  return parsed.data;
}

/** Reads and checks weights.json and weights.bin. Throws TARA_EMOTION_WEIGHTS, TARA_FILE_NOT_FOUND or TARA_FILE_UNREADABLE. */
export async function loadModel(folders: readonly URL[] = FOLDERS): Promise<EmotionModel> {
  const head = await readData('weights.json', folders);
  const meta = parseMeta(head.path, head.bytes);
  const { path, bytes } = await readData('weights.bin', folders);
  if (bytes.length !== meta.buckets * CLASSES) throw new TaraError('TARA_EMOTION_WEIGHTS', { path, reason: `it has ${bytes.length} bytes, not ${meta.buckets * CLASSES}` });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== meta.sha256) throw new TaraError('TARA_EMOTION_WEIGHTS', { path, reason: 'its checksum is wrong' });
  const weights = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);

  return {
    thresholds: meta.thresholds,
    probabilities(text) {
      const { buckets, values } = features(text, meta.buckets);
      if (values.every((value) => value === 0)) return null;
      const sums = new Float64Array(CLASSES);
      for (let k = 0; k < buckets.length; k += 1) {
        const at = (buckets[k] ?? 0) * CLASSES;
        const value = values[k] ?? 0;
        for (let c = 0; c < CLASSES; c += 1) sums[c] = (sums[c] ?? 0) + (weights[at + c] ?? 0) * value;
      }
      return Array.from(sums, (sum, c) => 1 / (1 + Math.exp(-(sum * (meta.scales[c] ?? 0) + (meta.bias[c] ?? 0)))));
    },
  };
}
