/** Reading and writing the folder of a model. */

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EMOTIONS, TaraError, writeWhole } from 'tara-gguf/plugin';
import { decodeHead, encodeHead, headBytes } from './head-file.js';
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

async function readHead(meta: NonNullable<ModelMeta['head']>, folders: readonly URL[]): Promise<Head> {
  const bytes = await readChecked('head.bin', folders, headBytes(meta.dimensions, meta.hidden), meta.sha256);
  const { vector, networks: [labels, mood, crisis] } = decodeHead(bytes, meta.dimensions, meta.hidden);
  return { probe: { text: meta.probe, vector }, labels, mood, crisis, reading: meta.reading };
}

/** Reads and checks a model. Throws TARA_EMOTION_WEIGHTS, TARA_FILE_NOT_FOUND or TARA_FILE_UNREADABLE. */
export async function loadModel(folders: readonly URL[] = SHIPPED): Promise<EmotionModel> {
  const { path, bytes } = await readData('weights.json', folders);
  const { linear, head } = parseMeta(path, bytes);
  const weights = await readChecked('weights.bin', folders, linear.buckets * EMOTIONS.length, linear.sha256);
  return {
    linear: { buckets: linear.buckets, bytes: new Int8Array(weights.buffer, weights.byteOffset, weights.length), scales: linear.scales, bias: linear.bias },
    moodMap: linear.mood,
    reading: linear.reading,
    head: head === null ? null : await readHead(head, folders),
  };
}

/** Writes a model into a folder, weights.json last: until then the folder's old model stays whole or is refused by its checksums. */
export async function saveModel(folder: string, { linear, moodMap, reading, head }: EmotionModel): Promise<ModelMeta> {
  const weights = new Uint8Array(linear.bytes.buffer, linear.bytes.byteOffset, linear.bytes.length);
  const encoded = head === null ? null : encodeHead(head);
  const meta: ModelMeta = {
    format: 2,
    emotions: [...EMOTIONS],
    linear: { buckets: linear.buckets, sha256: sha256Of(weights), scales: [...linear.scales], bias: [...linear.bias], mood: moodMap.map((row) => [...row]), reading },
    head: head === null || encoded === null ? null : { sha256: sha256Of(encoded), dimensions: head.labels.inputs, hidden: head.labels.hidden, probe: head.probe.text, reading: head.reading },
  };
  await mkdir(folder, { recursive: true });
  await writeWhole(join(folder, 'weights.bin'), weights);
  if (encoded !== null) await writeWhole(join(folder, 'head.bin'), encoded);
  await writeWhole(join(folder, 'weights.json'), `${JSON.stringify(meta, null, 2)}\n`);
  return meta;
}
