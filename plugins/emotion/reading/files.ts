/** Reading and writing the folder of a model. */

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EMOTIONS, TaraError, writeWhole } from 'tara-gguf/plugin';
import { decodeHead, encodeHead, headBytes } from './head-file.js';
import { tableBytes, type LinearWeights } from './linear.js';
import { metaSchema, sha256Of, type EmotionModel, type Head, type ModelMeta } from './model.js';

/** Beside the plugin in the sources; in the package, from dist. */
const SHIPPED = [new URL('../data/', import.meta.url), new URL('../../../../plugins/emotion/data/', import.meta.url)];

const refuse = (path: string, reason: string, cause?: unknown) => new TaraError('TARA_EMOTION_WEIGHTS', { path, reason }, { cause });

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

function parseMeta(path: string, bytes: Buffer): ModelMeta {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (thrown) {
    throw refuse(path, 'it is no JSON', thrown);
  }
  const parsed = metaSchema.safeParse(value);
  if (!parsed.success) throw refuse(path, parsed.error.issues[0]?.message ?? 'it has another form');
  return parsed.data;
}

async function readChecked(name: string, folders: readonly URL[], length: number, sha256: string): Promise<Buffer> {
  const { path, bytes } = await readData(name, folders);
  if (bytes.length !== length) throw refuse(path, `it has ${bytes.length} bytes, not ${length}`);
  if (sha256Of(bytes) !== sha256) throw refuse(path, 'its checksum is wrong');
  return bytes;
}

async function readHead({ head, experts }: ModelMeta, folders: readonly URL[]): Promise<Head | null> {
  if (head === null) return null;
  const shape = { dimensions: head.dimensions, experts, hidden: head.hidden };
  const { vector, labels, mood, crisis } = decodeHead(await readChecked('head.bin', folders, headBytes(shape), head.sha256), shape);
  return { probe: { text: head.probe, vector }, labels, mood, crisis, reading: head.reading };
}

/** Reads and checks a model. Throws TARA_EMOTION_WEIGHTS, TARA_FILE_NOT_FOUND or TARA_FILE_UNREADABLE. */
export async function loadModel(folders: readonly URL[] = SHIPPED): Promise<EmotionModel> {
  const { path, bytes } = await readData('weights.json', folders);
  const meta = parseMeta(path, bytes);
  const { emotions, crisis, mood, reading, sha256 } = meta.words;
  const lengthOf = ({ buckets, bias }: typeof emotions) => tableBytes({ buckets, outputs: bias.length });
  const split = lengthOf(emotions);
  const weights = await readChecked('weights.bin', folders, split + lengthOf(crisis), sha256);
  return {
    experts: meta.experts,
    linear: { ...emotions, bytes: weights.subarray(0, split) },
    crisis: { ...crisis, bytes: weights.subarray(split) },
    moodMap: mood,
    reading,
    head: await readHead(meta, folders),
  };
}

/** Writes a model into a folder, weights.json last: until then the folder's old model stays whole or is refused by its checksums. */
export async function saveModel(folder: string, { experts, linear, crisis, moodMap, reading, head }: EmotionModel): Promise<ModelMeta> {
  const weights = Buffer.concat([linear.bytes, crisis.bytes]);
  const encoded = head === null ? null : encodeHead(head);
  const table = ({ buckets, levels, bias }: LinearWeights) => ({ buckets, levels: levels.map((values) => [...values]), bias: [...bias] });
  const meta: ModelMeta = {
    format: 4,
    emotions: [...EMOTIONS],
    experts,
    words: { sha256: sha256Of(weights), emotions: table(linear), crisis: table(crisis), mood: moodMap.map((row) => [...row]), reading },
    head:
      head === null || encoded === null
        ? null
        : { sha256: sha256Of(encoded), dimensions: head.labels.inputs, hidden: [head.labels, head.mood, head.crisis].map(({ hidden }) => hidden), probe: head.probe.text, reading: head.reading },
  };
  await mkdir(folder, { recursive: true });
  await writeWhole(join(folder, 'weights.bin'), weights);
  if (encoded !== null) await writeWhole(join(folder, 'head.bin'), encoded);
  await writeWhole(join(folder, 'weights.json'), `${JSON.stringify(meta, null, 2)}\n`);
  return meta;
}
