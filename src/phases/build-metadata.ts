/** The `tara.*` keys of a built phase: what is in the file, where it came from, how to answer from it. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { HookCaller } from '../kernel/services.js';
import type { MetadataEntry } from '../plan/index.js';
import type { Pool } from '../workers/index.js';
import type { BuildInputs } from './build-inputs.js';

export interface PhaseMetadataInput {
  readonly inputs: BuildInputs;
  readonly adapters: readonly { readonly dir: string; readonly weight: number }[];
  readonly hooks: HookCaller;
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

export async function phaseMetadata({ inputs, adapters, hooks, pool, signal }: PhaseMetadataInput): Promise<MetadataEntry[]> {
  const files = await sourceFiles(inputs, adapters);
  const hashes = await Promise.all(files.map((path) => pool.run<string>('workers/hash-file', path, { signal })));
  const names = inputs.domains.map(({ name }) => name);
  const { metadata } = await hooks.waterfall('phase:metadata', { phase: inputs.phase.number, domains: names, metadata: {} }, signal ? { signal } : {});
  return [
    { key: 'tara.phase', type: 'uint32', value: inputs.phase.number },
    strings('tara.domains', names),
    { key: 'tara.weights', type: 'array', value: { of: 'float32', items: names.map((name) => inputs.weights[name] ?? 0) } },
    strings('tara.sources', hashes.map((hash) => `sha256:${hash}`)),
    ...Object.entries(metadata).map(([key, value]): MetadataEntry => ({ key: `tara.${key}`, type: 'string', value: JSON.stringify(value) })),
  ];
}
