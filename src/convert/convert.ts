/** A base model and adapters in, GGUF files out: plan and lower in the pool, run natively. */
import { countTypes } from '../formats/gguf/count-types.js';
import type { Lowered } from '../plan/lower.js';
import { runPlan } from '../plan/run.js';
import { sharedPool, type Pool } from '../workers/index.js';
import { contributedArchitectures, withContributed } from './contributed.js';
import type { ConvertInput } from './plan-convert.js';
import type { AdapterInput } from './adapters/adapters.js';
import type { LoraInput } from './adapters/lora.js';
import type { Prepared } from './prepare.js';
import type { PreparedLora } from './adapters/prepare-lora.js';
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

/** Plans and lowers; nothing is written. `tool` is the version that a merged file names beside its sources. */
export const prepareConversion = (input: ConvertInput, options: ConvertOptions & { print?: boolean; tool?: string } = {}): Promise<Prepared> =>
  (options.pool ?? sharedPool()).run<Prepared>('convert/prepare', { input: withContributed(input), print: options.print ?? false, tool: options.tool }, { signal: options.signal });

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

/** Plans and lowers a GGUF LoRA; nothing is written. */
export const prepareLora = (input: LoraInput, options: ConvertOptions & { print?: boolean } = {}): Promise<PreparedLora> =>
  (options.pool ?? sharedPool()).run<PreparedLora>('convert/adapters/prepare-lora', { input: withContributed(input), print: options.print ?? false }, { signal: options.signal });

export interface LoraReport extends ConvertReport {
  /** The scale with which llama.cpp applies the file as the adapter was trained: 1 but for an rsLoRA in the reference's form. */
  readonly scale: number;
}

/** Writes one PEFT adapter as a GGUF LoRA that llama.cpp loads beside the base. */
export async function convertLora(input: LoraInput, options: ConvertOptions = {}): Promise<LoraReport> {
  const started = performance.now();
  const { lowered, scale } = await prepareLora(input, options);
  const planSeconds = (performance.now() - started) / 1000;
  return { planSeconds, scale, ...(await runConversion(lowered, options)) };
}

/** What every preset would make of a model: exact sizes and tensor types, nothing read but headers. */
export const modelSizes = (base: string, adapters: readonly AdapterInput[] = [], options: ConvertOptions = {}): Promise<ModelSizes> =>
  (options.pool ?? sharedPool()).run<ModelSizes>('convert/sizes', { base, adapters, architectures: contributedArchitectures() }, { signal: options.signal });

/** The presets' sizes of a GGUF file or checkpoint folder. */
export const planSizes = async (base: string): Promise<readonly PresetBytes[]> => (await modelSizes(base)).presets;
