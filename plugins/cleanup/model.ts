/** Checks a Hugging Face model folder: configuration, weights, vocabulary, and the fixes that have one answer. */
import { familyOf } from './architecture.js';
import { has, readObject, type Folder, type JsonDocument } from './folder.js';
import { INDEX, type WeightIndex } from './index-file.js';
import { isObject, setFields, type JsonObject } from './json-text.js';
import { mayBeWeights } from './pickle.js';
import { restore } from './restore.js';
import { checkShapes } from './shapes.js';
import { canServe, classFor, makeTokenizerConfig, tokenId, tokenText, Tokens } from './special-tokens.js';
import { nameOf } from './tree.js';
import { readVocabularies, VOCABULARIES, type Vocabulary } from './vocabulary.js';
import { readWeights, type WeightFile } from './weights.js';

const CONFIG = 'config.json';
const TOKENIZER_CONFIG = 'tokenizer_config.json';
const SINGLE = 'model.safetensors';

export interface ModelInput {
  readonly index: WeightIndex | undefined;
  /** Pickles that go. */
  readonly pickles: readonly string[];
}

type Tensors = Map<string, { readonly shape: readonly number[]; readonly file: string }>;

interface Weights {
  readonly tensors: Tensors;
  /** Whether every file that is needed was read. */
  readonly complete: boolean;
  /** The file that a missing tensor is reported on. */
  readonly path: string;
  isExcused(tensor: string): boolean;
}

/** The weights of one file, or of the shards of an index; what is missing is reported. */
async function checkWeights(folder: Folder, { index, pickles }: ModelInput): Promise<Weights> {
  const { findings } = folder;
  const files = await readAll(folder, index);
  const single = files.get(SINGLE);
  const inIndex = index !== undefined && [...index.files.values()].includes(SINGLE);
  if (index?.fault !== undefined) findings.report(index.fault.code, INDEX, single ? 'warning' : 'error', index.fault.reason);
  if (single !== undefined && !inIndex) {
    if (index !== undefined) checkShards(folder, index, files, 'warning');
    const tensors: Tensors = new Map(single.tensors.map(({ name, shape }) => [name, { shape, file: SINGLE }]));
    return { tensors, complete: true, path: SINGLE, isExcused: () => false };
  }
  if (index !== undefined && index.fault === undefined) {
    const complete = checkShards(folder, index, files, 'error');
    const tensors = joinShards(folder, index, files);
    return { tensors, complete, path: INDEX, isExcused: (name) => index.refused.length > 0 || (index.files.has(name) && !files.has(index.files.get(name) ?? '')) };
  }
  const weightPickles = pickles.filter((path) => mayBeWeights(nameOf(path)));
  const explained = [findings.need([SINGLE]), findings.need([INDEX]), findings.need(weightPickles)].includes(true);
  // A file that is there and was not lost has been reported as what it is.
  if (!explained && index?.fault === undefined && !has(folder, SINGLE)) findings.report('MISSING_FILE', SINGLE, 'error', 'the model has no weights');
  return { tensors: new Map(), complete: false, path: SINGLE, isExcused: () => true };
}

/** Every safetensors file that stays, needed or not: a broken one goes. */
async function readAll(folder: Folder, index: WeightIndex | undefined): Promise<Map<string, WeightFile>> {
  const paths = new Set<string>([SINGLE, ...(index?.files.values() ?? [])]);
  for (const entry of folder.tree.entries.values()) if (entry.kind === 'file' && /\.safetensors$/i.test(entry.path)) paths.add(entry.path);
  const files = new Map<string, WeightFile>();
  for (const path of paths) {
    const file = await readWeights(folder, path);
    if (file !== undefined) files.set(path, file);
  }
  return files;
}

/** Reports shards that are missing; whether all are there. */
function checkShards(folder: Folder, index: WeightIndex, files: ReadonlyMap<string, WeightFile>, severity: 'error' | 'warning'): boolean {
  const { findings } = folder;
  for (const name of index.refused) findings.report('MISSING_FILE', INDEX, severity, `it names ${name}, which leaves the folder`);
  let complete = index.refused.length === 0;
  for (const path of new Set(index.files.values())) {
    if (files.has(path)) continue;
    complete = false;
    const explained = severity === 'error' ? findings.need([path]) : findings.isLost(path);
    if (!explained && !has(folder, path)) findings.report('MISSING_FILE', path, severity, 'the index names this file');
  }
  return complete;
}

function joinShards({ findings }: Folder, index: WeightIndex, files: ReadonlyMap<string, WeightFile>): Tensors {
  const tensors: Tensors = new Map();
  for (const path of [...new Set(index.files.values())].sort()) {
    for (const { name, shape } of files.get(path)?.tensors ?? []) {
      const other = tensors.get(name);
      if (other !== undefined) {
        const wrong = index.files.get(name) === path ? other.file : path;
        findings.report('DUPLICATE_TENSOR', wrong, 'error', `tensor ${name} is in ${other.file} and in ${path}`);
      }
      if (other === undefined || index.files.get(name) === path) tensors.set(name, { shape, file: path });
    }
  }
  for (const [name, path] of index.files) {
    if (!files.has(path)) continue;
    const found = tensors.get(name);
    if (found === undefined) findings.report('MISSING_TENSOR', path, 'error', `the index puts tensor ${name} here, and no file has it`);
    else if (found.file !== path) findings.report('MISSING_TENSOR', path, 'warning', `the index puts tensor ${name} here, it is in ${found.file}`);
  }
  return tensors;
}

async function checkVocabulary(folder: Folder): Promise<Vocabulary[]> {
  const { findings } = folder;
  const { usable, faults } = await readVocabularies(folder);
  for (const { file, reason } of faults) findings.report('TOKENIZER_INVALID', file, usable.length === 0 ? 'error' : 'warning', reason);
  if (usable.length > 0 || faults.length > 0) return usable;
  if (findings.need(VOCABULARIES.flat())) return usable;
  // Half of a pair says what is missing.
  const missing = has(folder, 'vocab.json') ? 'merges.txt' : has(folder, 'merges.txt') ? 'vocab.json' : 'tokenizer.json';
  findings.report('MISSING_FILE', missing, 'error', `the model has no vocabulary: ${VOCABULARIES.map((files) => files.join(' with ')).join(', or ')}`);
  return usable;
}

/** Fields to set in config.json; they are reported as missing. */
function restoredFields({ findings }: Folder, config: JsonObject, weights: Weights, tokens: Tokens): Record<string, unknown> {
  const { fields, unknown } = restore(config, weights.complete ? weights.tensors : new Map());
  const restored: Record<string, unknown> = { ...fields };
  for (const kind of ['eos', 'bos'] as const) {
    const key = `${kind}_token_id`;
    const id = tokens.idOf(tokenText(tokens.files.tokenizer?.[`${kind}_token`]));
    if (config[key] === undefined && id !== undefined) restored[key] = id;
  }
  for (const [key, value] of Object.entries(restored)) findings.report('MISSING_CONFIG_FIELD', CONFIG, 'warning', `${key} is missing; the rest of the model leaves only ${JSON.stringify(value)}`);
  // Where the weights are not complete, that is the fault to mend first.
  for (const key of unknown) findings.report('MISSING_CONFIG_FIELD', CONFIG, weights.complete || key === 'model_type' ? 'error' : 'warning', `${key} is missing, and the rest of the model does not say it`);
  return restored;
}

function fixConfig(folder: Folder, config: JsonDocument, restored: JsonObject, tokens: Tokens): JsonObject {
  const pad = tokenId(config.value.pad_token_id) === undefined ? tokens.pad().id : undefined;
  if (pad === undefined && tokenId(config.value.pad_token_id) === undefined) folder.findings.report('MISSING_CONFIG_FIELD', CONFIG, 'warning', 'pad_token_id is missing, and no end-of-text token is known');
  const padField = pad === undefined ? {} : { pad_token_id: pad };
  const fields = { ...restored, ...padField };
  if (Object.keys(fields).length === 0) return config.value;
  const text = setFields(config.text, fields);
  if (Object.keys(restored).length > 0) folder.findings.rewrite('CONFIG_FIELDS', CONFIG, text);
  if (pad !== undefined) folder.findings.rewrite('PAD_TOKEN', CONFIG, text);
  return { ...config.value, ...fields };
}

function fixTokenizerConfig(folder: Folder, document: JsonDocument | undefined, vocabularies: readonly Vocabulary[], tokens: Tokens): void {
  const { findings } = folder;
  const [vocabulary] = vocabularies;
  if (document === undefined) {
    // One that does not parse is left alone.
    if (has(folder, TOKENIZER_CONFIG)) return;
    if (!findings.isLost(TOKENIZER_CONFIG)) findings.report('MISSING_FILE', TOKENIZER_CONFIG, 'warning', vocabulary ? 'it is written from the vocabulary and the configuration' : 'it is missing');
    if (vocabulary) findings.rewrite('TOKENIZER_CONFIG', TOKENIZER_CONFIG, `${JSON.stringify(makeTokenizerConfig(tokens, vocabulary), null, 2)}\n`);
    return;
  }
  const fields: Record<string, unknown> = {};
  const current = document.value.tokenizer_class;
  if (vocabulary && typeof current === 'string' && !canServe(current, vocabularies.map(({ form }) => form))) {
    fields.tokenizer_class = classFor(vocabulary, tokens.files.config);
    findings.report('TOKENIZER_INVALID', TOKENIZER_CONFIG, 'warning', `tokenizer_class ${current} cannot read ${vocabulary.file}`);
  }
  const pad = tokenText(document.value.pad_token) === undefined ? tokens.pad().text : undefined;
  const text = setFields(document.text, { ...fields, ...(pad !== undefined && { pad_token: pad }) });
  if (fields.tokenizer_class !== undefined) findings.rewrite('TOKENIZER_CONFIG', TOKENIZER_CONFIG, text);
  if (pad !== undefined) findings.rewrite('PAD_TOKEN', TOKENIZER_CONFIG, text);
}

/** A token beyond the embedding would be read out of its memory. */
function checkEmbedding({ findings }: Folder, config: JsonObject, weights: Weights, { vocabularies, tokenizer }: { readonly vocabularies: readonly Vocabulary[]; readonly tokenizer: JsonObject | undefined }): void {
  const embedding = familyOf(config.model_type)?.embedding;
  if (embedding === undefined) return;
  const rows = [...weights.tensors].find(([name]) => name.endsWith(embedding))?.[1].shape[0];
  const vocabulary = vocabularies.find((candidate) => rows !== undefined && candidate.size > rows);
  if (vocabulary) findings.report('TOKENIZER_INVALID', vocabulary.file, 'error', `it has ids up to ${vocabulary.size - 1}, the embedding has ${rows ?? 0} rows`);
  if (rows === undefined) return;
  for (const key of ['bos_token_id', 'eos_token_id', 'pad_token_id']) {
    const beyond = [config[key]].flat().find((id) => typeof id === 'number' && id >= rows);
    if (beyond !== undefined) findings.report('SHAPE_MISMATCH', CONFIG, 'error', `${key} is ${String(beyond)}, the embedding has ${rows} rows`);
  }
  const added = isObject(tokenizer?.added_tokens_decoder) ? Object.keys(tokenizer.added_tokens_decoder).find((id) => Number(id) >= rows) : undefined;
  if (added !== undefined) findings.report('TOKENIZER_INVALID', TOKENIZER_CONFIG, 'error', `it adds a token of the id ${added}, the embedding has ${rows} rows`);
}

/** Checks and fixes a model folder; everything goes into the folder's findings. */
export async function checkModelFolder(folder: Folder, input: ModelInput): Promise<void> {
  const { findings } = folder;
  const config = await readObject(folder, CONFIG, 'error');
  if (!has(folder, CONFIG) && !findings.need([CONFIG])) findings.report('MISSING_FILE', CONFIG, 'error', 'a model needs its configuration');
  const generation = await readObject(folder, 'generation_config.json', 'error');
  const tokenizer = await readObject(folder, TOKENIZER_CONFIG, 'error');
  const specialMap = await readObject(folder, 'special_tokens_map.json', 'error');
  const weights = await checkWeights(folder, input);
  const vocabularies = await checkVocabulary(folder);
  const files = { config: config?.value, generation: generation?.value, tokenizer: tokenizer?.value, specialMap: specialMap?.value };
  const tokens = new Tokens(vocabularies[0], files);
  let fixed: JsonObject = {};
  if (config !== undefined) {
    fixed = fixConfig(folder, config, restoredFields(folder, config.value, weights, tokens), tokens);
    const { quantization_config: packed } = fixed;
    if (isObject(packed)) findings.report('UNSUPPORTED_DTYPE', CONFIG, 'warning', `its weights are packed (${String(packed.quant_method)}): they cannot be converted, and their shapes were not compared`);
    if (weights.tensors.size > 0 && !isObject(packed)) checkShapes(findings, { config: fixed, tensors: weights.tensors, weightsPath: weights.path, isExcused: weights.isExcused });
    checkEmbedding(folder, fixed, weights, { vocabularies, tokenizer: tokenizer?.value });
  }
  fixTokenizerConfig(folder, tokenizer, vocabularies, new Tokens(vocabularies[0], { ...files, config: config === undefined ? undefined : fixed }));
}
