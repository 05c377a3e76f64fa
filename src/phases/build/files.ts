/** Writes the files of a build into its folder, each layout in its own way. */
import { rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { convert, convertLora, type ConvertOptions } from '../../convert/index.js';
import type { MergeSettings } from '../../convert/adapters/merge.js';
import { TaraError } from '../../errors.js';
import type { MetadataEntry } from '../../plan/index.js';
import { syncFolder } from '../../write-whole.js';
import type { Layout } from '../settings.js';
import type { BuildFile } from '../types.js';

export interface DomainAdapter {
  readonly name: string;
  /** The folder that is merged: the domain's own, or its cleaned copy. */
  readonly dir: string;
  readonly weight: number;
}

/** One GGUF to write. */
export interface ModelFile {
  readonly name: string;
  readonly domain: string | null;
  readonly adapters: readonly DomainAdapter[];
  readonly merge: MergeSettings | null;
}

export interface WrittenModels {
  readonly files: readonly BuildFile[];
  /** Tensors of each ggml type in the first file. */
  readonly types: Readonly<Record<string, number>>;
  readonly planSeconds: number;
  readonly runSeconds: number;
}

export interface WriteOptions extends Pick<ConvertOptions, 'pool' | 'threads' | 'signal'> {
  readonly onProgress?: ((fraction: number | null, detail: string) => void) | undefined;
}

/** Factors are small, and F16 holds what bfloat16 training left of them. */
const LORA_TYPE = 'f16';

export const adapterName = (phase: number, domain: string): string => `phase-${phase}-${domain}-lora.gguf`;

/** The models of a layout, the main one first; `label` is the preset, hybrid, sparse or distilled. */
export function modelsOf(layout: Layout, phase: number, label: string, adapters: readonly DomainAdapter[], merge: MergeSettings | null): ModelFile[] {
  switch (layout) {
    case 'merged': return [{ name: `phase-${phase}-${label}.gguf`, domain: null, adapters, merge }];
    case 'adapters': return [{ name: `phase-${phase}-base-${label}.gguf`, domain: null, adapters: [], merge: null }];
    case 'per-domain': return adapters.map((adapter) => ({ name: `phase-${phase}-${adapter.name}-${label}.gguf`, domain: adapter.name, adapters: [adapter], merge: null }));
  }
}

/** Each model in a pass of its own over the base. */
export async function writeModels(
  folder: string, base: string, type: string, models: readonly ModelFile[], metadata: (model: ModelFile) => readonly MetadataEntry[], { onProgress, ...options }: WriteOptions,
): Promise<WrittenModels> {
  const files: BuildFile[] = [];
  let types: Readonly<Record<string, number>> = {};
  let [planSeconds, runSeconds] = [0, 0];
  for (const [index, model] of models.entries()) {
    const report = await convert(
      {
        base,
        adapters: model.adapters.map(({ dir, weight }) => ({ dir, weight })),
        ...(model.merge && { merge: model.merge }),
        outputs: [{ id: 'phase', path: join(folder, model.name), type }],
        metadata: metadata(model),
      },
      {
        ...options,
        onProgress: ({ bytesRead, bytesTotal, tensor }) =>
          onProgress?.(bytesTotal > 0 ? (index + bytesRead / bytesTotal) / models.length : null, model.domain === null ? tensor : `${model.domain} ${tensor}`),
      },
    );
    const file = report.files[0];
    if (!file) throw new TaraError('TARA_INTERNAL', { reason: 'the plan wrote no file' });
    files.push({ path: file.path, role: 'model', domain: model.domain, bytes: file.bytes });
    if (index === 0) types = file.types;
    planSeconds += report.planSeconds;
    runSeconds += report.runSeconds;
  }
  return { files, types, planSeconds, runSeconds };
}

/** A GGUF LoRA of each adapter. Throws TARA_LAYOUT_ADAPTER for one that the form cannot hold, before any model is written. */
export async function writeAdapters(folder: string, base: string, phase: number, adapters: readonly DomainAdapter[], options: WriteOptions): Promise<BuildFile[]> {
  const files: BuildFile[] = [];
  for (const { name, dir } of adapters) {
    const path = join(folder, adapterName(phase, name));
    await convertLora({ adapter: dir, base, output: path, type: LORA_TYPE, scaling: 'exact' }, { pool: options.pool, signal: options.signal }).catch((thrown: unknown) => {
      if (!(thrown instanceof TaraError) || thrown.code !== 'TARA_LORA_UNSUPPORTED') throw thrown;
      throw new TaraError('TARA_LAYOUT_ADAPTER', { domain: name, reason: thrown.fields.reason }, { cause: thrown });
    });
    files.push({ path, role: 'adapter', domain: name, bytes: (await stat(path)).size });
  }
  return files;
}

/** Makes a folder of written files appear under its name, all at once and durably. */
export async function placeFolder(partial: string, final: string, files: readonly BuildFile[]): Promise<BuildFile[]> {
  await rename(partial, final);
  await syncFolder(dirname(final));
  return files.map((file) => ({ ...file, path: join(final, basename(file.path)) }));
}
