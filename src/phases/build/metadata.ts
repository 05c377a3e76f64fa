/** The `tara.*` keys of a built phase's files: what is in them, where they came from, how to answer from them. */
import { basename, join } from 'node:path';
import type { MergeSettings } from '../../convert/adapters/merge.js';
import { text, texts } from '../../convert/entries.js';
import { weightFiles } from '../../formats/index.js';
import { KERNEL_VERSION } from '../../kernel/version.js';
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

/** Hashes the sources and asks the hook `phase:metadata`, once for all files. */
export async function phaseMetadata({ inputs, adapters, merge, hooks, pool, signal }: PhaseMetadataInput): Promise<FileMetadata> {
  const hash = async (path: string) => `sha256:${await pool.run<string>('workers/hash-file', path, { signal })}`;
  const base = await Promise.all((await weightFiles(inputs.base)).map(({ path }) => hash(path)));
  const hashes = new Map(await Promise.all(adapters.map(async ({ name, dir }) => [name, await hash(join(dir, 'adapter_model.safetensors'))] as const)));
  const names = inputs.domains.map(({ name }) => name);
  const { metadata } = await hooks.waterfall('phase:metadata', { phase: inputs.phase.number, domains: names, metadata: {} }, signal ? { signal } : {});
  const inside = (merged: readonly DomainAdapter[]): MetadataEntry[] => [
    texts('tara.domains', merged.map(({ name }) => name)),
    { key: 'tara.weights', type: 'array', value: { of: 'float32', items: merged.map(({ weight }) => weight) } },
  ];
  return (merged) => [
    text('tara.version', KERNEL_VERSION),
    text('tara.base', basename(inputs.base)),
    { key: 'tara.phase', type: 'uint32', value: inputs.phase.number },
    text('tara.layout', inputs.layout),
    ...(merged.length === 0 ? [] : inside(merged)),
    ...(merge === null ? [] : [text('tara.merge', JSON.stringify(merge))]),
    texts('tara.sources', [...base, ...merged.map(({ name }) => hashes.get(name) ?? '')]),
    ...Object.entries(metadata).map(([key, value]) => text(`tara.${key}`, JSON.stringify(value))),
  ];
}
