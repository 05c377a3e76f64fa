/** The `tara.*` keys of a built phase's files: what is in them, where they came from, how to answer from them. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { MergeSettings } from '../../convert/adapters/merge.js';
import type { HookCaller } from '../../kernel/services.js';
import type { MetadataEntry } from '../../plan/index.js';
import type { Pool } from '../../workers/index.js';
import type { BuildInputs } from './inputs.js';
import type { DomainAdapter } from './files.js';

export interface PhaseMetadataInput {
  readonly inputs: BuildInputs;
  readonly adapters: readonly DomainAdapter[];
  readonly merge: MergeSettings | null;
  readonly hooks: HookCaller;
  readonly pool: Pool;
  readonly signal: AbortSignal | undefined;
}

/** The keys of a file that has these adapters in it. */
export type FileMetadata = (merged: readonly DomainAdapter[]) => readonly MetadataEntry[];

const text = (key: string, value: string): MetadataEntry => ({ key, type: 'string', value });
const texts = (key: string, items: readonly string[]): MetadataEntry => ({ key, type: 'array', value: { of: 'string', items: [...items] } });

/** Files of the base whose bytes decide the result; a sharded one's shards. */
async function baseFiles(base: string): Promise<string[]> {
  if ((await stat(base)).isFile()) return [base];
  const { readCheckpoint } = await import('../../formats/index.js');
  return (await readCheckpoint(base)).shards.map(({ path }) => path);
}

/** Hashes the sources and asks the hook `phase:metadata`, once for all files. */
export async function phaseMetadata({ inputs, adapters, merge, hooks, pool, signal }: PhaseMetadataInput): Promise<FileMetadata> {
  const hash = async (path: string) => `sha256:${await pool.run<string>('workers/hash-file', path, { signal })}`;
  const base = await Promise.all((await baseFiles(inputs.base)).map(hash));
  const hashes = new Map(await Promise.all(adapters.map(async ({ name, dir }) => [name, await hash(join(dir, 'adapter_model.safetensors'))] as const)));
  const names = inputs.domains.map(({ name }) => name);
  const { metadata } = await hooks.waterfall('phase:metadata', { phase: inputs.phase.number, domains: names, metadata: {} }, signal ? { signal } : {});
  const inside = (merged: readonly DomainAdapter[]): MetadataEntry[] => [
    texts('tara.domains', merged.map(({ name }) => name)),
    { key: 'tara.weights', type: 'array', value: { of: 'float32', items: merged.map(({ weight }) => weight) } },
  ];
  return (merged) => [
    { key: 'tara.phase', type: 'uint32', value: inputs.phase.number },
    text('tara.layout', inputs.layout),
    ...(merged.length === 0 ? [] : inside(merged)),
    ...(merge === null ? [] : [text('tara.merge', JSON.stringify(merge))]),
    texts('tara.sources', [...base, ...merged.map(({ name }) => hashes.get(name) ?? '')]),
    ...Object.entries(metadata).map(([key, value]) => text(`tara.${key}`, JSON.stringify(value))),
  ];
}
