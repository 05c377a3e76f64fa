/** The `tara.*` keys of a built phase: what is in the file, where it came from, how to answer from it. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { MetadataEntry } from '../plan/index.js';
import type { Pool } from '../workers/index.js';
import type { BuildInputs } from './build-inputs.js';

export interface PhaseMetadataInput {
  readonly inputs: BuildInputs;
  readonly adapters: readonly { readonly dir: string; readonly weight: number }[];
  readonly settings: { readonly router?: unknown; readonly emotion?: unknown };
  readonly pool: Pool;
  readonly signal: AbortSignal | undefined;
}

const strings = (key: string, items: readonly string[]): MetadataEntry => ({ key, type: 'array', value: { of: 'string', items: [...items] } });

/** Files whose bytes decide the result; a sharded base is named by its index. */
async function sourceFiles(inputs: BuildInputs, adapters: PhaseMetadataInput['adapters']): Promise<string[]> {
  const found = await stat(inputs.base);
  const { readCheckpoint } = await import('../formats/index.js');
  const base = found.isFile() ? [inputs.base] : (await readCheckpoint(inputs.base)).shards.map(({ path }) => path);
  return [...base, ...adapters.map(({ dir }) => join(dir, 'adapter_model.safetensors'))];
}

export async function phaseMetadata({ inputs, adapters, settings, pool, signal }: PhaseMetadataInput): Promise<MetadataEntry[]> {
  const files = await sourceFiles(inputs, adapters);
  const hashes = await Promise.all(files.map((path) => pool.run<string>('workers/hash-file', path, { signal })));
  const names = inputs.domains.map(({ name }) => name);
  return [
    { key: 'tara.phase', type: 'uint32', value: inputs.phase.number },
    strings('tara.domains', names),
    { key: 'tara.weights', type: 'array', value: { of: 'float32', items: names.map((name) => inputs.weights[name] ?? 0) } },
    strings('tara.sources', hashes.map((hash) => `sha256:${hash}`)),
    { key: 'tara.router', type: 'string', value: JSON.stringify(settings.router ?? {}) },
    { key: 'tara.emotion', type: 'string', value: JSON.stringify(settings.emotion ?? {}) },
  ];
}
