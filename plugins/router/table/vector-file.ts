/** Vectors of a domain's examples on disk, found by what they were made from, so that they are computed once. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../state/files.js';

const DIGEST_BYTES = 32;

const sha256 = (data: Uint8Array | string): Buffer => createHash('sha256').update(data).digest();

/** `model`: the model's fingerprint. */
export const vectorFile = (folder: string, model: string, texts: readonly string[]): string =>
  join(folder, `${sha256(JSON.stringify([model, texts])).toString('hex').slice(0, 40)}.f32`);

/** `count` vectors, or undefined where the file is absent, cut short or damaged. */
export async function readVectors(path: string, count: number, dimensions: number): Promise<Float32Array[] | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  const length = count * dimensions * Float32Array.BYTES_PER_ELEMENT;
  if (bytes === undefined || bytes.length !== length + DIGEST_BYTES || !sha256(bytes.subarray(0, length)).equals(bytes.subarray(length))) return undefined;
  const all = new Float32Array(new Uint8Array(bytes.subarray(0, length)).buffer);
  return Array.from({ length: count }, (_, i) => all.subarray(i * dimensions, (i + 1) * dimensions));
}

/** Rejects with TARA_WRITE_FAILED. */
export function writeVectors(path: string, vectors: readonly Float32Array[]): Promise<void> {
  const payload = Buffer.concat(vectors.map((vector) => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength)));
  return replaceFile(path, Buffer.concat([payload, sha256(payload)]));
}
