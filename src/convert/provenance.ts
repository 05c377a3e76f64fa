/** The `tara.*` keys of a merged file: what went into it, how much of it, and how. A plain conversion gets none. */
import { basename } from 'node:path';
import type { MetadataEntry, Plan } from '../plan/schema.js';
import type { TaskContext } from '../workers/index.js';
import hashFile from '../workers/hash-file.js';
import { inOrder } from './adapters/adapters.js';
import { text, texts } from './entries.js';
import type { ConvertInput } from './input.js';
import { mergeStep } from './adapters/merge.js';

/** The settings of a merge with what was left to the defaults filled in. */
function settingsOf({ blend, merge = { method: 'linear' } }: ConvertInput): object {
  if (blend) return { method: blend.method, t: blend.t, with: basename(blend.with) };
  const { density, scale, seed } = mergeStep(merge)([]);
  return { method: merge.method, density, scale, seed };
}

/**
 * Hashes every file that goes into a merge: `tara.sources` lists the models' files, then one for each adapter, as the
 * plan does. `tool` is the version that is written. Throws TARA_ABORTED and what reading throws.
 */
export async function mergeProvenance(input: ConvertInput, sources: Plan['sources'], tool: string, context: TaskContext): Promise<MetadataEntry[]> {
  const adapters = inOrder(input.adapters);
  if (adapters.length === 0 && input.blend === undefined) return [];
  const hashes: string[] = [];
  for (const { path } of Object.values(sources)) hashes.push(`sha256:${await hashFile(path, context)}`);
  const shares: MetadataEntry[] = [
    texts('tara.domains', adapters.map(({ dir }) => basename(dir))),
    { key: 'tara.weights', type: 'array', value: { of: 'float32', items: adapters.map(({ weight }) => weight) } },
  ];
  return [
    text('tara.version', tool),
    text('tara.base', basename(input.base)),
    text('tara.merge', JSON.stringify(settingsOf(input))),
    ...(adapters.length > 0 ? shares : []),
    texts('tara.sources', hashes),
  ];
}
