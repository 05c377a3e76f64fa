/** A LoRA adapter as PEFT saves it: configuration, the factors of each module, and tensors trained as a whole. */
import { join } from 'node:path';
import { TaraError } from '../../errors.js';
import { breathe } from '../byte-reader.js';
import { checkFolder, innerFile, present } from '../folder.js';
import { readJsonObject } from '../json.js';
import { oneLine } from '../one-line.js';
import { type AdapterConfig, adapterConfig } from './config.js';
import { adapterTensorName } from './names.js';
import { type PatternLookup, PatternTooComplex, patternLookup } from './pattern.js';
import { readSafetensors, type SafetensorsFile, type SafetensorsTensor } from '../safetensors.js';

export type { AdapterConfig } from './config.js';

export interface AdapterModule {
  /** [rank, in]; [rank, tokens] of an embedding. */
  readonly a: SafetensorsTensor;
  /** [out, rank]; [in, rank] of an embedding. */
  readonly b: SafetensorsTensor;
  readonly rank: number;
  readonly alpha: number;
  /** alpha / rank, or alpha / sqrt(rank) with rsLoRA: the delta is scale * B A, (B A)^T for an embedding. */
  readonly scale: number;
  readonly embedding: boolean;
  /** DoRA: the length that each row of the merged weight gets, [out]. */
  readonly magnitude: SafetensorsTensor | null;
}

export interface Adapter {
  readonly dir: string;
  readonly config: AdapterConfig;
  readonly weights: SafetensorsFile;
  /** By Hugging Face module path, such as model.layers.0.self_attn.q_proj. */
  readonly modules: ReadonlyMap<string, AdapterModule>;
  /** Tensors that take the place of the base's, by their names there: modules_to_save and trained biases. */
  readonly saved: ReadonlyMap<string, SafetensorsTensor>;
}

const CONFIG = 'adapter_config.json';
const WEIGHTS = 'adapter_model.safetensors';
const PICKLE = 'adapter_model.bin';
const FLOATS: readonly string[] = ['F32', 'F16', 'BF16', 'F64'];
const BREATH = 64;

const unsupported = (path: string, field: string, reason: string): TaraError => new TaraError('TARA_ADAPTER_UNSUPPORTED', { path, field: oneLine(field), reason: oneLine(reason) });
const invalid = (path: string, reason: string): TaraError => new TaraError('TARA_ADAPTER_INVALID', { path, reason: oneLine(reason) });

/** The tensors of one module as they are found. */
interface Parts {
  a?: SafetensorsTensor;
  b?: SafetensorsTensor;
  magnitude?: SafetensorsTensor;
  embedding: boolean;
}

const PART_NAMES = { a: 'lora_A', b: 'lora_B', magnitude: 'lora_magnitude_vector' } as const;

interface Tensors {
  readonly modules: Map<string, Parts>;
  readonly saved: Map<string, SafetensorsTensor>;
}

function checkTensor(path: string, { name, dtype, bytes }: SafetensorsTensor): void {
  if (!FLOATS.includes(dtype)) throw invalid(path, `tensor ${name} is of type ${dtype}, which is no floating-point type`);
  if (bytes === 0) throw invalid(path, `tensor ${name} is empty`);
}

/** The tensors of the file by what they are for. */
async function sortTensors({ path, tensors }: SafetensorsFile): Promise<Tensors> {
  const modules = new Map<string, Parts>();
  const saved = new Map<string, SafetensorsTensor>();
  const take = (module: string, part: keyof typeof PART_NAMES, tensor: SafetensorsTensor, embedding: boolean): void => {
    const parts = modules.get(module) ?? { embedding };
    if (parts[part] !== undefined) throw invalid(path, `module ${module} has two ${PART_NAMES[part]} tensors`);
    if (part !== 'magnitude' && (parts.a ?? parts.b) !== undefined && parts.embedding !== embedding) throw invalid(path, `module ${module} has factors of a linear layer and of an embedding`);
    modules.set(module, { ...parts, [part]: tensor, embedding: part === 'magnitude' ? parts.embedding : embedding });
  };
  for (const [index, tensor] of tensors.entries()) {
    if (index % BREATH === BREATH - 1) await breathe();
    checkTensor(path, tensor);
    const name = adapterTensorName(tensor.name);
    switch (name.kind) {
      case 'factor':
        take(name.module, name.side, tensor, name.embedding);
        break;
      case 'magnitude':
        take(name.module, 'magnitude', tensor, false);
        break;
      case 'factorBias':
        throw unsupported(path, 'lora_bias', `tensor ${tensor.name} is the bias of a factor`);
      case 'saved':
        if (saved.has(name.name)) throw invalid(path, `it has two tensors for ${name.name}`);
        saved.set(name.name, tensor);
        break;
      case 'original':
        break;
      case 'foreign':
        throw unsupported(path, name.field, name.reason);
    }
  }
  return { modules, saved };
}

/** The checked tensors of a module, without what the configuration says about it. */
function checkParts(path: string, module: string, { a, b, magnitude, embedding }: Parts): Omit<AdapterModule, 'alpha' | 'scale'> {
  if (a === undefined || b === undefined) throw invalid(path, `module ${module} has no lora_${a === undefined ? 'A' : 'B'} tensor`);
  for (const { name, shape } of [a, b]) {
    if (shape.length !== 2) throw unsupported(path, `tensor ${name}`, `it has ${shape.length} dimensions, and only linear layers and embeddings can be merged`);
  }
  const [rank = 0] = a.shape;
  if (b.shape[1] !== rank) throw invalid(path, `module ${module}: lora_A is [${a.shape.join(', ')}], lora_B is [${b.shape.join(', ')}], so their ranks differ`);
  if (magnitude !== undefined) checkMagnitude(path, module, magnitude, embedding, b.shape[0] ?? 0);
  return { a, b, rank, embedding, magnitude: magnitude ?? null };
}

function checkMagnitude(path: string, module: string, { shape }: SafetensorsTensor, embedding: boolean, rows: number): void {
  if (embedding) throw unsupported(path, 'use_dora on an embedding', `module ${module} scales the columns of the merged weight`);
  if (shape.reduce((product, n) => product * n, 1) !== rows || Math.max(...shape) !== rows) {
    throw invalid(path, `module ${module}: lora_magnitude_vector is [${shape.join(', ')}] for ${rows} rows`);
  }
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

async function modulesOf(config: AdapterConfig, configPath: string, path: string, parts: Tensors['modules']): Promise<Map<string, AdapterModule>> {
  const rankOf = lookup(configPath, 'rank_pattern', config.rankPattern);
  const alphaOf = lookup(configPath, 'alpha_pattern', config.alphaPattern);
  const modules = new Map<string, AdapterModule>();
  for (const [module, found] of parts) {
    if (modules.size % BREATH === BREATH - 1) await breathe();
    const checked = checkParts(path, module, found);
    const { rank, magnitude } = checked;
    const expected = config.r === null ? rank : rankOf(module) ?? config.r;
    if (rank !== expected) throw invalid(path, `module ${module} has rank ${rank}, ${CONFIG} says ${expected}`);
    if ((magnitude !== null) !== config.useDora) {
      throw invalid(path, `module ${module} has ${magnitude ? 'a' : 'no'} lora_magnitude_vector, ${CONFIG} says use_dora is ${config.useDora}`);
    }
    const alpha = alphaOf(module) ?? config.loraAlpha;
    modules.set(module, { ...checked, alpha, scale: alpha / (config.useRslora ? Math.sqrt(rank) : rank) });
  }
  return modules;
}

/** The configuration alone. Throws TARA_ADAPTER_INVALID, TARA_CONFIG_INVALID and what reading throws. */
export async function readAdapterConfig(dir: string): Promise<AdapterConfig> {
  await checkFolder(dir);
  if (!(await present(dir, [CONFIG])).includes(CONFIG)) throw invalid(dir, `it has no ${CONFIG}`);
  return adapterConfig(join(dir, CONFIG), await readJsonObject(await innerFile(dir, CONFIG)));
}

/**
 * An adapter's configuration and tensors; weights stay on disk and a pickle is never opened.
 * Throws TARA_ADAPTER_INVALID, TARA_ADAPTER_UNSUPPORTED, TARA_CONFIG_INVALID and what the readers throw.
 */
export async function readAdapter(dir: string, options: { signal?: AbortSignal | undefined } = {}): Promise<Adapter> {
  const config = await readAdapterConfig(dir);
  const files = await present(dir, [WEIGHTS, PICKLE]);
  if (!files.includes(WEIGHTS)) {
    throw invalid(dir, files.includes(PICKLE) ? `its weights exist only as a pickle (${PICKLE}), which is never opened` : `it has no ${WEIGHTS}`);
  }
  const weights = await readSafetensors(await innerFile(dir, WEIGHTS), options);
  const { modules: parts, saved } = await sortTensors(weights);
  if (parts.size === 0) throw invalid(weights.path, 'it holds no LoRA tensors');
  return { dir, config, weights, modules: await modulesOf(config, join(dir, CONFIG), weights.path, parts), saved };
}
