/** The vectors of a table's examples: read from disk where they were computed before, else computed and kept. */

import { createHash } from 'node:crypto';
import type { Embedder } from 'tara-gguf/plugin';
import type { Table } from './table.js';
import { buildVectors, type ExampleVectors } from './vectors.js';
import { readVectors, vectorFile, writeVectors } from './vector-file.js';

/** A model is known by what it makes of this. */
const PROBE = 'The quick brown fox jumps over the lazy dog.';
/** Texts embedded in one call. */
const BATCH = 32;

/** Of vectors that come back, no two embedders' are mixed. */
async function fingerprintOf(embedder: Embedder): Promise<string> {
  const [probe = new Float32Array(0)] = await embedder.embed([PROBE]);
  return createHash('sha256').update(Float32Array.from(probe, (value) => Math.round(value * 1000))).digest('hex');
}

export interface EmbedTableOptions {
  readonly embedder: Embedder;
  /** Where vectors are kept; nowhere when null. */
  readonly folder: string | null;
  /** What could not be kept is only reported. */
  readonly onUnkept: (error: unknown) => void;
}

/** Rejects as the embedder does. */
export async function embedTable(table: Table, { embedder, folder, onUnkept }: EmbedTableOptions): Promise<ExampleVectors> {
  const fingerprint = await fingerprintOf(embedder);
  const dimensions = await embedder.dimensions();
  const rows: Float32Array[] = [];
  for (let domain = 0; domain < table.domains.length; domain += 1) {
    const texts = table.utterances.slice(table.owners.indexOf(domain), table.owners.lastIndexOf(domain) + 1);
    const path = folder === null ? null : vectorFile(folder, fingerprint, texts);
    const kept = path === null ? undefined : await readVectors(path, texts.length, dimensions);
    if (kept !== undefined) {
      rows.push(...kept);
      continue;
    }
    const made: Float32Array[] = [];
    for (let at = 0; at < texts.length; at += BATCH) made.push(...(await embedder.embed(texts.slice(at, at + BATCH))));
    if (path !== null) await writeVectors(path, made).catch(onUnkept);
    rows.push(...made);
  }
  const added = table.domains.flatMap(({ shipped }, domain) => (shipped ? [] : [domain]));
  return buildVectors({ rows, owners: table.owners, domains: table.domains.length, added });
}
