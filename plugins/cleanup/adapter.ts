/** Checks a PEFT adapter folder: its configuration, the pairs of factors, and the base they fit. */
import type { SafetensorsTensor } from 'tara-gguf';
import { familyOf, isSize, sizeIn, sizesOf, tensorRules, type Dimension } from './architecture.js';
import type { Findings } from './findings.js';
import { has, readObject, type Folder, type JsonDocument } from './folder.js';
import { isObject, type JsonObject } from './json-text.js';
import { mayBeWeights } from './pickle.js';
import { nameOf } from './tree.js';
import { readWeights } from './weights.js';

const CONFIG = 'adapter_config.json';
const WEIGHTS = 'adapter_model.safetensors';
const PREFIX = 'base_model.model.';
const FACTOR = /^(.+)\.lora_(embedding_)?([AB])(?:\.[^.]+)?(?:\.weight)?$/;

export interface AdapterInput {
  readonly pickles: readonly string[];
  /** config.json of the base, where one was given. */
  readonly base: JsonObject | undefined;
}

/** One adapted module, by its path in the base model. */
interface Pair {
  a?: SafetensorsTensor;
  b?: SafetensorsTensor;
  readonly embedding: boolean;
}

function pairsOf(tensors: readonly SafetensorsTensor[]): Map<string, Pair> {
  const pairs = new Map<string, Pair>();
  for (const tensor of tensors) {
    const [, path, embedding, side] = FACTOR.exec(tensor.name) ?? [];
    if (path === undefined) continue;
    const module = path.startsWith(PREFIX) ? path.slice(PREFIX.length) : path;
    const pair = pairs.get(module) ?? { embedding: embedding !== undefined };
    pair[side === 'A' ? 'a' : 'b'] = tensor;
    pairs.set(module, pair);
  }
  return pairs;
}

/** Reports halves and pairs whose ranks differ; gives the rank of each sound module. */
function checkPairs(findings: Findings, pairs: ReadonlyMap<string, Pair>): Map<string, number> {
  const ranks = new Map<string, number>();
  if (pairs.size === 0) findings.report('MISSING_TENSOR', WEIGHTS, 'error', 'it holds no lora_A and lora_B tensors');
  for (const [module, { a, b }] of pairs) {
    if (a === undefined || b === undefined) {
      findings.report('MISSING_TENSOR', WEIGHTS, 'error', `tensor ${(a ?? b)?.name ?? module} has no lora_${a === undefined ? 'A' : 'B'} beside it`);
      continue;
    }
    const [rank, other] = [a.shape[0], b.shape[1]];
    if (a.shape.length < 2 || a.shape.length !== b.shape.length || rank === undefined || rank !== other) {
      findings.report('SHAPE_MISMATCH', WEIGHTS, 'error', `tensors ${a.name} [${a.shape.join(', ')}] and ${b.name} [${b.shape.join(', ')}] do not make a pair`);
    } else ranks.set(module, rank);
  }
  return ranks;
}

/** The old trainer wrote {domain, base_model, lora_r, lora_alpha, target_modules, created_at}. */
const isOldForm = (config: JsonObject): boolean => config.peft_type === undefined && config.r === undefined && ['domain', 'base_model', 'lora_r'].some((key) => config[key] !== undefined);

const isNameList = (value: unknown): value is string[] => Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === 'string');

/** Brings a configuration of the old form into PEFT's; rank and modules are the tensors' where it is wrong. */
function convertOldForm(findings: Findings, config: JsonObject, ranks: ReadonlyMap<string, number>): void {
  const found = [...new Set(ranks.values())];
  const modules = [...new Set([...ranks.keys()].map((module) => module.slice(module.lastIndexOf('.') + 1)))].sort();
  const rank = found.length === 1 ? found[0] : found.length === 0 && isSize(config.lora_r) ? config.lora_r : undefined;
  const alpha = config.lora_alpha;
  if (rank === undefined) findings.report('BAD_ADAPTER_CONFIG', CONFIG, 'error', `lora_r cannot be told: the tensors have ranks ${found.join(', ') || 'of no kind'}`);
  if (typeof alpha !== 'number' || !Number.isFinite(alpha)) findings.report('BAD_ADAPTER_CONFIG', CONFIG, 'error', 'lora_alpha is missing, and the tensors do not say it');
  if (rank === undefined || typeof alpha !== 'number') return;
  const stated = isNameList(config.target_modules) ? config.target_modules : [];
  const agrees = modules.length === 0 || (stated.length === modules.length && modules.every((name) => stated.includes(name)));
  const targets = agrees ? stated : modules;
  if (targets.length === 0) {
    findings.report('BAD_ADAPTER_CONFIG', CONFIG, 'error', 'target_modules is missing, and there are no tensors to tell');
    return;
  }
  const peft = {
    alpha_pattern: {}, auto_mapping: null, base_model_name_or_path: typeof config.base_model === 'string' ? config.base_model : null,
    bias: 'none', fan_in_fan_out: false, inference_mode: true, init_lora_weights: true, lora_alpha: alpha, lora_dropout: 0,
    modules_to_save: null, peft_type: 'LORA', r: rank, rank_pattern: {}, revision: null, target_modules: targets,
    task_type: 'CAUSAL_LM', use_dora: false, use_rslora: false,
  };
  findings.report('BAD_ADAPTER_CONFIG', CONFIG, 'warning', 'it is in the form of the old trainer and becomes the PEFT form');
  findings.rewrite('ADAPTER_CONFIG', CONFIG, `${JSON.stringify(peft, null, 2)}\n`);
}

/** A configuration in PEFT's form is checked, never repaired. */
function checkPeftForm(findings: Findings, config: JsonObject, ranks: ReadonlyMap<string, number>): void {
  const bad = (message: string) => findings.report('BAD_ADAPTER_CONFIG', CONFIG, 'error', message);
  const type = config.peft_type;
  if (typeof type !== 'string' || type.toUpperCase() !== 'LORA') {
    findings.report('INCOMPATIBLE_ADAPTER', CONFIG, 'error', `peft_type is ${JSON.stringify(type)?.slice(0, 40) ?? 'missing'}, only LORA can be used`);
    return;
  }
  // PEFT's own defaults stand for what is missing.
  const { r = 8, lora_alpha: alpha = 8, target_modules: targets } = config;
  if (!isSize(r)) bad(`r is ${JSON.stringify(r)}; a whole number from 1 is needed`);
  if (typeof alpha !== 'number') bad(`lora_alpha is ${JSON.stringify(alpha)}; a number is needed`);
  if (targets != null && typeof targets !== 'string' && !(Array.isArray(targets) && targets.every((name) => typeof name === 'string'))) bad('target_modules is no list of names');
  const patterns = isObject(config.rank_pattern) ? Object.values(config.rank_pattern) : [];
  const wrong = [...ranks].find(([, rank]) => isSize(r) && rank !== r && !patterns.includes(rank));
  if (wrong) findings.report('SHAPE_MISMATCH', WEIGHTS, 'error', `module ${wrong[0]} has rank ${wrong[1]}, r is ${String(r)}`);
}

/** Compares the factors with the shapes of the base; one issue, naming the first module that does not fit. */
function checkBase(findings: Findings, pairs: ReadonlyMap<string, Pair>, base: JsonObject): void {
  const family = familyOf(base.model_type);
  const layers = family && sizeIn(base, family.keys.layers);
  if (family === undefined || layers === undefined) {
    findings.report('BASE_UNKNOWN', CONFIG, 'info', 'the base is of a kind whose shapes are not known, so the adapter was not compared with it');
    return;
  }
  const sizes = sizesOf(family, base);
  const rules = new Map(tensorRules(family, base, { layers: Math.min(layers, 4096), prefix: family.prefix, tied: false }).map(({ name, shape }) => [name, shape]));
  const incompatible = (message: string) => findings.report('INCOMPATIBLE_ADAPTER', CONFIG, 'error', `${message}; the adapter belongs to another base`);
  for (const [module, { a, b, embedding }] of pairs) {
    if (a === undefined || b === undefined) continue;
    const shape = rules.get(`${module}.weight`);
    if (shape === undefined) return incompatible(`the base has no module ${module}`);
    const [rows, columns] = shape.map((dimension: Dimension) => sizes[dimension]);
    // Conv1D and embeddings keep [in, out], linear layers [out, in].
    const turned = embedding || /\bc_(attn|proj|fc)$/.test(module);
    const [out, into] = turned ? [columns, rows] : [rows, columns];
    const [gotInto, gotOut] = [a.shape[1], b.shape[0]];
    if ((into !== undefined && into !== gotInto) || (out !== undefined && out !== gotOut)) {
      return incompatible(`module ${module} maps ${into ?? '?'} to ${out ?? '?'} in the base, ${gotInto ?? '?'} to ${gotOut ?? '?'} in ${WEIGHTS}`);
    }
  }
}

function checkConfig(folder: Folder, config: JsonDocument | undefined, ranks: ReadonlyMap<string, number>): void {
  const { findings } = folder;
  if (config !== undefined) (isOldForm(config.value) ? convertOldForm : checkPeftForm)(findings, config.value, ranks);
  else if (!has(folder, CONFIG) && !findings.need([CONFIG])) findings.report('MISSING_FILE', CONFIG, 'error', 'an adapter needs its configuration');
}

/** Checks and fixes an adapter folder; everything goes into the folder's findings. */
export async function checkAdapterFolder(folder: Folder, { pickles, base }: AdapterInput): Promise<void> {
  const { findings } = folder;
  const config = await readObject(folder, CONFIG, 'error');
  const weights = await readWeights(folder, WEIGHTS);
  // Other safetensors files are not needed; broken ones go.
  for (const entry of folder.tree.entries.values()) if (entry.kind === 'file' && entry.path !== WEIGHTS && /\.safetensors$/i.test(entry.path)) await readWeights(folder, entry.path);
  const pairs = pairsOf(weights?.tensors ?? []);
  const ranks = weights === undefined ? new Map<string, number>() : checkPairs(findings, pairs);
  checkConfig(folder, config, ranks);
  if (weights === undefined && !has(folder, WEIGHTS)) {
    const explained = [findings.need([WEIGHTS]), findings.need(pickles.filter((path) => mayBeWeights(nameOf(path))))].includes(true);
    if (!explained) findings.report('MISSING_FILE', WEIGHTS, 'error', 'an adapter needs its weights');
  }
  if (base !== undefined && weights !== undefined) checkBase(findings, pairs, base);
}
