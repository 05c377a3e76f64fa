/** A base model and adapters in, GGUF files out: plan and lower in the pool, run natively. */
import { countTypes } from '../formats/gguf/count-types.js';
import type { Lowered, LoweredTensor } from '../plan/lower.js';
import { runPlan, type PlanProgress } from '../plan/run.js';
import type { PlanWithBlobs } from '../plan/schema.js';
import { sharedPool, type Pool } from '../workers/index.js';
import { contributedArchitectures, withContributed } from './contributed.js';
import type { ConvertInput } from './plan-convert.js';
import type { AdapterInput } from './adapters/adapters.js';
import type { LoraInput } from './adapters/lora.js';
import type { Prepared } from './prepare.js';
import type { ReuseReport } from './reuse/reuse.js';
import type { PreparedLora } from './adapters/prepare-lora.js';
import type { ModelSizes, PresetBytes } from './sizes.js';

export interface ConvertOptions {
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** At most ten times a second. */
  readonly onProgress?: ((progress: PlanProgress) => void) | undefined;
  readonly pool?: Pool | undefined;
  /** A folder of tensors that were quantized before, for types that take long: they are taken from there, and kept there. */
  readonly reuse?: string | undefined;
}

/** Tensors whose rows the type that was asked for cannot hold. */
export interface ReplacedType {
  readonly wanted: string;
  /** What they have instead, as llama.cpp chooses it. */
  readonly type: string;
  readonly tensors: number;
}

export interface ConvertedFile {
  readonly path: string;
  readonly bytes: number;
  /** Number of tensors of each ggml type: what is really in the file, whatever its label says. */
  readonly types: Readonly<Record<string, number>>;
  readonly replaced: readonly ReplacedType[];
}

export interface ConvertReport {
  readonly files: readonly ConvertedFile[];
  /** Seconds for planning, and for reading, transforming and writing. */
  readonly planSeconds: number;
  readonly runSeconds: number;
  readonly bytesRead: number;
  /** What came from the folder of earlier tensors, and what went there; null without one. */
  readonly reuse: ReuseReport | null;
}

/** What became of types that rows forbid, by type. */
export function replacedTypes(tensors: readonly LoweredTensor[]): ReplacedType[] {
  const found = new Map<string, ReplacedType>();
  for (const { type, wanted } of tensors) {
    if (wanted === undefined) continue;
    const key = `${wanted} ${type}`;
    found.set(key, { wanted, type, tensors: (found.get(key)?.tensors ?? 0) + 1 });
  }
  return [...found.values()];
}

/** Plans and lowers; nothing is written. `tool` is the version that a merged file names beside its sources. */
export const prepareConversion = (input: ConvertInput, options: ConvertOptions & { print?: boolean; tool?: string } = {}): Promise<Prepared> =>
  (options.pool ?? sharedPool()).run<Prepared>('convert/prepare', { input: withContributed(input), print: options.print ?? false, keep: options.reuse !== undefined, tool: options.tool }, { signal: options.signal });

/**
 * Writes every output in one pass over the sources; all of them appear, or none. `planned` is what was lowered, where tensors are
 * to be reused.
 */
export async function runConversion(lowered: Lowered, options: ConvertOptions = {}, planned: PlanWithBlobs | null = null): Promise<Omit<ConvertReport, 'planSeconds'>> {
  const started = performance.now();
  const { reuse: folder, pool = sharedPool() } = options;
  const reusing = planned && folder !== undefined ? (await import('./reuse/reuse.js')).runReusing(planned, lowered, folder, { ...options, pool }) : undefined;
  const { result, reuse } = (await reusing) ?? { result: await runPlan(lowered, options), reuse: null };
  return {
    files: lowered.outputs.flatMap(({ path, bytes, tensors }) => (path === null ? [] : [{ path, bytes, types: countTypes(tensors), replaced: replacedTypes(tensors) }])),
    runSeconds: reuse ? (performance.now() - started) / 1000 : result.seconds,
    bytesRead: result.bytesRead,
    reuse,
  };
}

/** Converts a checkpoint or GGUF file, merging adapters, into one or more GGUF files. */
export async function convert(input: ConvertInput, options: ConvertOptions = {}): Promise<ConvertReport> {
  const started = performance.now();
  const { lowered, planned } = await prepareConversion(input, options);
  const planSeconds = (performance.now() - started) / 1000;
  return { planSeconds, ...(await runConversion(lowered, options, planned)) };
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
