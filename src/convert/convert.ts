/** A base model and adapters in, GGUF files out: plan and lower in the pool, run natively. */
import { runPlan, type Lowered } from '../plan/index.js';
import { sharedPool, type Pool } from '../workers/index.js';
import type { ConvertInput } from './plan-convert.js';
import type { AdapterInput } from './adapters.js';
import type { Prepared } from './prepare.js';
import type { ModelSizes, PresetBytes } from './sizes.js';

export interface ConvertOptions {
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** At most ten times a second. */
  readonly onProgress?: ((progress: { readonly bytesRead: number; readonly bytesTotal: number; readonly tensor: string }) => void) | undefined;
  readonly pool?: Pool | undefined;
}

export interface ConvertedFile {
  readonly path: string;
  readonly bytes: number;
  /** Number of tensors of each ggml type: what is really in the file, whatever its label says. */
  readonly types: Readonly<Record<string, number>>;
}

export interface ConvertReport {
  readonly files: readonly ConvertedFile[];
  /** Seconds for planning, and for reading, transforming and writing. */
  readonly planSeconds: number;
  readonly runSeconds: number;
  readonly bytesRead: number;
}

export function countTypes(tensors: readonly { readonly type: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { type } of tensors) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

/** Plans and lowers; nothing is written. */
export const prepareConversion = (input: ConvertInput, options: ConvertOptions & { print?: boolean } = {}): Promise<Prepared> =>
  (options.pool ?? sharedPool()).run<Prepared>('convert/prepare', { input, print: options.print ?? false }, { signal: options.signal });

/** Writes every output in one pass over the sources; all of them appear, or none. */
export async function runConversion(lowered: Lowered, options: ConvertOptions = {}): Promise<Omit<ConvertReport, 'planSeconds'>> {
  const run = await runPlan(lowered, options);
  return {
    files: lowered.outputs.flatMap(({ path, bytes, tensors }) => (path === null ? [] : [{ path, bytes, types: countTypes(tensors) }])),
    runSeconds: run.seconds,
    bytesRead: run.bytesRead,
  };
}

/** Converts a checkpoint or GGUF file, merging adapters, into one or more GGUF files. */
export async function convert(input: ConvertInput, options: ConvertOptions = {}): Promise<ConvertReport> {
  const started = performance.now();
  const { lowered } = await prepareConversion(input, options);
  const planSeconds = (performance.now() - started) / 1000;
  return { planSeconds, ...(await runConversion(lowered, options)) };
}

/** What every preset would make of a model: exact sizes and tensor types, nothing read but headers. */
export const modelSizes = (base: string, adapters: readonly AdapterInput[] = [], options: ConvertOptions = {}): Promise<ModelSizes> =>
  (options.pool ?? sharedPool()).run<ModelSizes>('convert/sizes', { base, adapters }, { signal: options.signal });

/** The presets' sizes of a GGUF file or checkpoint folder. */
export const planSizes = async (base: string): Promise<readonly PresetBytes[]> => (await modelSizes(base)).presets;
