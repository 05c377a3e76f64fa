/** Examines a folder: what kind it is, what is wrong, what a cleaned one has. Reads only; the result is plain data. */
import { join } from 'node:path';
import type { CleanIssue, CleanReport } from 'tara-gguf/plugin';
import { TaraError } from 'tara-gguf/plugin';
import { checkAdapterFolder } from './adapter.js';
import { Findings, type Fix } from './findings.js';
import { fileAt, has, openable, type Folder, type WeightScan } from './folder.js';
import { checkGgufFile } from './gguf.js';
import { INDEX, readIndex } from './index-file.js';
import { checkJsonFiles } from './json-files.js';
import { isObject, readJsonFile, type JsonObject } from './json-text.js';
import { checkModelFolder } from './model.js';
import { checkSecurity } from './security.js';
import { protectedPaths, sweepFiles, sweepLinks, sweepNames } from './sweep.js';
import { lookUp, readTree, type Tree } from './tree.js';
import { VOCABULARIES } from './vocabulary.js';

export interface ExamineOptions {
  readonly maxFileBytes?: number | undefined;
  readonly baseDir?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Examination {
  readonly tree: Tree;
  readonly kind: CleanReport['kind'];
  /** Paths of files and links that the cleaned folder does not have. */
  readonly dropped: ReadonlySet<string>;
  /** New text by file, for files that fixes rewrite or make. */
  readonly texts: ReadonlyMap<string, string>;
  readonly fixes: readonly Fix[];
  readonly issues: readonly CleanIssue[];
  readonly weights: readonly WeightScan[];
  /** config.json or adapter_config.json as the cleaned folder has it; null where there is none that parses. */
  readonly config: JsonObject | null;
}

const MODEL_WEIGHTS = ['model.safetensors', INDEX];

/** What a folder is meant to be, by what lies at its top. */
async function kindOf(tree: Tree): Promise<CleanReport['kind']> {
  const there = (path: string) => lookUp(tree, path) !== undefined;
  const adapter = there('adapter_config.json') || there('adapter_model.safetensors') || there('adapter_model.bin');
  const weights = MODEL_WEIGHTS.some(there) || there('pytorch_model.bin') || there('pytorch_model.bin.index.json');
  if (adapter && !(there('config.json') && weights)) return 'peft-adapter';
  if (weights) return 'hf-model';
  if (there('config.json') && (VOCABULARIES.flat().some(there) || there('tokenizer_config.json') || await namesModel(tree))) return 'hf-model';
  return [...tree.entries.values()].some((entry) => entry.kind === 'file' && /^[^/]+\.gguf$/i.test(entry.path)) ? 'gguf' : 'unknown';
}

async function namesModel(tree: Tree): Promise<boolean> {
  if (lookUp(tree, 'config.json')?.kind !== 'file') return true;
  const read = await readJsonFile(join(tree.root, 'config.json')).catch(() => ({ fault: '' }));
  return 'value' in read && isObject(read.value) && (read.value.model_type !== undefined || read.value.architectures !== undefined);
}

async function readBase(baseDir: string): Promise<JsonObject> {
  const path = join(baseDir, 'config.json');
  const read = await readJsonFile(path).catch((thrown: unknown) => {
    throw new TaraError('TARA_FILE_NOT_FOUND', { path }, { cause: thrown });
  });
  if ('fault' in read || !isObject(read.value)) throw new TaraError('TARA_CONFIG_INVALID', { path, reason: 'fault' in read ? read.fault : 'it holds no JSON object' });
  return read.value;
}

/** Examines a folder. Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, TARA_CONFIG_INVALID (the base's) or TARA_ABORTED. */
export async function examine(dir: string, options: ExamineOptions = {}): Promise<Examination> {
  const base = options.baseDir === undefined ? undefined : await readBase(options.baseDir);
  const tree = await readTree(dir, options.signal);
  const findings = new Findings();
  const folder: Folder = { tree, findings, weights: [], signal: options.signal };
  const index = await readIndex(tree);
  sweepNames(folder, protectedPaths(tree, index?.files.values() ?? []));
  const pickles = await sweepFiles(folder, options.maxFileBytes ?? Infinity);
  sweepLinks(folder);
  const kind = await kindOf(tree);
  if (kind === 'hf-model') await checkModelFolder(folder, { index: has(folder, INDEX) ? index : undefined, pickles });
  else if (kind === 'peft-adapter') await checkAdapterFolder(folder, { pickles, base });
  else if (kind === 'unknown') findings.report('UNKNOWN_KIND', '.', 'error', 'it is neither a model nor an adapter: config.json or adapter_config.json and safetensors weights are missing');
  await checkGgufFiles(folder, kind);
  await checkJsonFiles(folder);
  await checkSecurity(folder);
  sweepLinks(folder);
  const { dropped, texts, fixes, issues } = findings;
  return { tree, kind, dropped, texts, fixes, issues, weights: folder.weights.filter(({ file }) => !dropped.has(file)), config: await configOf(folder) };
}

async function configOf(folder: Folder): Promise<JsonObject | null> {
  for (const path of ['config.json', 'adapter_config.json']) {
    const text = folder.findings.texts.get(path);
    if (text !== undefined) return JSON.parse(text) as JsonObject;
    const entry = fileAt(folder, path);
    const read = entry && await readJsonFile(openable(folder, entry)).catch(() => undefined);
    if (read !== undefined && 'value' in read && isObject(read.value)) return read.value;
  }
  return null;
}

async function checkGgufFiles(folder: Folder, kind: CleanReport['kind']): Promise<void> {
  const severity = kind === 'gguf' ? 'error' : 'warning';
  for (const entry of folder.tree.entries.values()) {
    if (entry.kind !== 'file' || !/\.gguf$/i.test(entry.path) || folder.findings.dropped.has(entry.path)) continue;
    const { issues, tensors } = await checkGgufFile(openable(folder, entry).toString(), folder.signal);
    for (const { code, message } of issues) folder.findings.report(code, entry.path, severity, message);
    if (tensors.length > 0) folder.weights.push({ path: entry.path, file: entry.path, severity, tensors });
  }
}
