/** A LoRA adapter as PEFT saves it: configuration and the factors of each module. */
import { join } from 'node:path';
import { TaraError } from '../errors.js';
import { breathe } from './byte-reader.js';
import { checkFolder, innerFile, present } from './folder.js';
import { readJsonObject } from './json.js';
import { oneLine } from './one-line.js';
import { type AdapterConfig, adapterConfig } from './peft-config.js';
import { type PatternLookup, PatternTooComplex, patternLookup } from './peft-pattern.js';
import { readSafetensors, type SafetensorsFile, type SafetensorsTensor } from './safetensors.js';

export type { AdapterConfig } from './peft-config.js';

export interface AdapterModule {
  /** [rank, in] */
  readonly a: SafetensorsTensor;
  /** [out, rank] */
  readonly b: SafetensorsTensor;
  readonly rank: number;
  /** alpha / rank, or alpha / sqrt(rank) with rsLoRA: the delta is scale * B A. */
  readonly scale: number;
}

export interface Adapter {
  readonly dir: string;
  readonly config: AdapterConfig;
  readonly weights: SafetensorsFile;
  /** By Hugging Face module path, such as model.layers.0.self_attn.q_proj. */
  readonly modules: ReadonlyMap<string, AdapterModule>;
}

const CONFIG = 'adapter_config.json';
const WEIGHTS = 'adapter_model.safetensors';
const PICKLE = 'adapter_model.bin';
const PREFIX = 'base_model.model.';
const FACTOR = /^(.+)\.lora_([AB])(?:\.[^.]+)?\.weight$/;
const FLOATS: readonly string[] = ['F32', 'F16', 'BF16', 'F64'];
const BREATH = 64;

const unsupported = (path: string, field: string, reason: string): TaraError => new TaraError('TARA_ADAPTER_UNSUPPORTED', { path, field: oneLine(field), reason: oneLine(reason) });
const invalid = (path: string, reason: string): TaraError => new TaraError('TARA_ADAPTER_INVALID', { path, reason: oneLine(reason) });

/** Why a tensor that is no LoRA factor stops the merge. */
function foreignTensor(path: string, name: string): TaraError {
  if (name.includes('lora_magnitude_vector')) return unsupported(path, 'use_dora', `tensor ${name} scales the merged rows`);
  if (name.includes('lora_embedding_')) return unsupported(path, 'an adapted embedding', `tensor ${name} belongs to an embedding`);
  if (name.includes('trainable_tokens_')) return unsupported(path, 'trainable_token_indices', `tensor ${name} replaces rows of the embedding`);
  if (name.endsWith('.bias')) return unsupported(path, name.includes('.lora_B.') ? 'lora_bias' : 'bias', `tensor ${name} is a trained bias`);
  if (name.includes('lora_')) return unsupported(path, `tensor ${name}`, 'it is no LoRA factor');
  return unsupported(path, 'modules_to_save', `tensor ${name} replaces a whole weight of the base`);
}

interface Pair { a?: SafetensorsTensor; b?: SafetensorsTensor }

function pairsOf(weights: SafetensorsFile): Map<string, Pair> {
  const pairs = new Map<string, Pair>();
  for (const tensor of weights.tensors) {
    const [, module, side] = FACTOR.exec(tensor.name) ?? [];
    if (module === undefined) throw foreignTensor(weights.path, tensor.name);
    const name = module.startsWith(PREFIX) ? module.slice(PREFIX.length) : module;
    const pair = pairs.get(name) ?? {};
    const key = side === 'A' ? 'a' : 'b';
    if (pair[key] !== undefined) throw invalid(weights.path, `module ${name} has two lora_${side} tensors`);
    pair[key] = tensor;
    pairs.set(name, pair);
  }
  return pairs;
}

/** A checked pair and its rank. */
function checkPair(path: string, module: string, { a, b }: Pair): { a: SafetensorsTensor; b: SafetensorsTensor; rank: number } {
  if (a === undefined || b === undefined) throw invalid(path, `module ${module} has no lora_${a === undefined ? 'A' : 'B'} tensor`);
  for (const tensor of [a, b]) {
    if (!FLOATS.includes(tensor.dtype)) throw invalid(path, `tensor ${tensor.name} is of type ${tensor.dtype}, which is no floating-point type`);
    if (tensor.shape.length !== 2) throw unsupported(path, `tensor ${tensor.name}`, `it has ${tensor.shape.length} dimensions, and only linear layers can be merged`);
    if (tensor.bytes === 0) throw invalid(path, `tensor ${tensor.name} is empty`);
  }
  const [rank = 0] = a.shape;
  if (b.shape[1] !== rank) throw invalid(path, `module ${module}: lora_A is [${a.shape.join(', ')}], lora_B is [${b.shape.join(', ')}], so their ranks differ`);
  return { a, b, rank };
}

/** A pattern look-up whose failure names the field. */
function lookup(path: string, field: string, patterns: Readonly<Record<string, number>>): PatternLookup {
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (thrown) {
      if (thrown instanceof PatternTooComplex) throw unsupported(path, field, 'it has a pattern that is too complex');
      throw thrown;
    }
  };
  const find = guarded(() => patternLookup(patterns));
  return (module) => guarded(() => find(module));
}

async function modulesOf(config: AdapterConfig, configPath: string, weights: SafetensorsFile): Promise<Map<string, AdapterModule>> {
  const rankOf = lookup(configPath, 'rank_pattern', config.rankPattern);
  const alphaOf = lookup(configPath, 'alpha_pattern', config.alphaPattern);
  const modules = new Map<string, AdapterModule>();
  for (const [module, pair] of pairsOf(weights)) {
    if (modules.size % BREATH === BREATH - 1) await breathe();
    const { a, b, rank } = checkPair(weights.path, module, pair);
    const expected = config.r === null ? rank : rankOf(module) ?? config.r;
    if (rank !== expected) throw invalid(weights.path, `module ${module} has rank ${rank}, ${CONFIG} says ${expected}`);
    const alpha = alphaOf(module) ?? config.loraAlpha;
    modules.set(module, { a, b, rank, scale: alpha / (config.useRslora ? Math.sqrt(rank) : rank) });
  }
  if (modules.size === 0) throw invalid(weights.path, 'it holds no LoRA tensors');
  return modules;
}

/**
 * An adapter's configuration and factors; weights stay on disk and a pickle is never opened.
 * Throws TARA_ADAPTER_INVALID, TARA_ADAPTER_UNSUPPORTED, TARA_CONFIG_INVALID and what the readers throw.
 */
export async function readAdapter(dir: string, options: { signal?: AbortSignal | undefined } = {}): Promise<Adapter> {
  await checkFolder(dir);
  const files = await present(dir, [CONFIG, WEIGHTS, PICKLE]);
  if (!files.includes(CONFIG)) throw invalid(dir, `it has no ${CONFIG}`);
  const configPath = join(dir, CONFIG);
  const config = adapterConfig(configPath, await readJsonObject(await innerFile(dir, CONFIG)));
  if (!files.includes(WEIGHTS)) {
    throw invalid(dir, files.includes(PICKLE) ? `its weights exist only as a pickle (${PICKLE}), which is never opened` : `it has no ${WEIGHTS}`);
  }
  if (config.useDora) throw unsupported(configPath, 'use_dora', 'the magnitude of each row is trained too');
  const weights = await readSafetensors(await innerFile(dir, WEIGHTS), options);
  return { dir, config, weights, modules: await modulesOf(config, configPath, weights) };
}
