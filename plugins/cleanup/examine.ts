/** Examines a folder: what kind it is, what is wrong, what a cleaned one has. Reads only. */
import { join } from 'node:path';
import type { CleanIssue, CleanReport } from 'tara-gguf/plugin';
import { TaraError } from 'tara-gguf/plugin';
import { checkAdapterFolder } from './adapter.js';
import { Findings } from './findings.js';
import { has, type Folder } from './folder.js';
import { checkGgufFile } from './gguf.js';
import { INDEX, readIndex } from './index-file.js';
import { isObject, readJsonFile, type JsonObject } from './json-text.js';
import { checkModelFolder } from './model.js';
import { protectedPaths, sweepFiles, sweepLinks, sweepNames } from './sweep.js';
import { lookUp, parentOf, readTree, type Tree } from './tree.js';
import { VOCABULARIES } from './vocabulary.js';

export interface ExamineOptions {
  readonly maxFileBytes?: number | undefined;
  readonly baseDir?: string | undefined;
  readonly strict?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Examination {
  readonly tree: Tree;
  readonly kind: CleanReport['kind'];
  readonly findings: Findings;
  readonly issues: readonly CleanIssue[];
  readonly valid: boolean;
  readonly score: number;
  /** Files and links that go, and folders (with a trailing slash) that go with everything in them; nothing is named twice. */
  readonly removed: readonly string[];
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
  const folder: Folder = { tree, findings, signal: options.signal };
  const index = await readIndex(tree);
  sweepNames(folder, protectedPaths(tree, index?.files.values() ?? []));
  const pickles = await sweepFiles(folder, options.maxFileBytes ?? Infinity);
  sweepLinks(folder);
  const kind = await kindOf(tree);
  if (kind === 'hf-model') await checkModelFolder(folder, { index: has(folder, INDEX) ? index : undefined, pickles });
  else if (kind === 'peft-adapter') await checkAdapterFolder(folder, { pickles, base });
  else if (kind === 'unknown') findings.report('UNKNOWN_KIND', '.', 'error', 'it is neither a model nor an adapter: config.json or adapter_config.json and safetensors weights are missing');
  await checkGgufFiles(folder, kind);
  sweepLinks(folder);
  const issues = findings.issues();
  const faults = issues.filter(({ severity }) => severity === 'error' || (options.strict && severity === 'warning'));
  return { tree, kind, findings, issues, valid: faults.length === 0, score: scoreOf(issues), removed: removedOf(tree, findings) };
}

async function checkGgufFiles({ tree, findings, signal }: Folder, kind: CleanReport['kind']): Promise<void> {
  for (const entry of tree.entries.values()) {
    if (entry.kind !== 'file' || !/\.gguf$/i.test(entry.path) || findings.dropped.has(entry.path)) continue;
    const report = await checkGgufFile(join(tree.root, entry.path), signal);
    for (const { code, message } of report) findings.report(code, entry.path, kind === 'gguf' ? 'error' : 'warning', message);
  }
}

/** What each issue counts against; the score is the mean of the parts: 1 without an issue, 0.5 with warnings, 0 with an error. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  files: ['MISSING_FILE', 'UNKNOWN_KIND', 'OVERSIZED_FILE', 'SYMLINK_ESCAPE', 'SPECIAL_FILE', 'UNREADABLE_FILE', 'PICKLE_FILE'],
  weights: ['BAD_SAFETENSORS', 'TRUNCATED_SAFETENSORS', 'UNSUPPORTED_DTYPE', 'NAN_TENSOR', 'MISSING_TENSOR', 'DUPLICATE_TENSOR', 'BAD_GGUF'],
  configuration: ['BAD_JSON', 'MISSING_CONFIG_FIELD', 'SHAPE_MISMATCH', 'BAD_ADAPTER_CONFIG', 'INCOMPATIBLE_ADAPTER'],
  vocabulary: ['TOKENIZER_INVALID'],
};

function scoreOf(issues: readonly CleanIssue[]): number {
  if (issues.some(({ code }) => code === 'UNKNOWN_KIND')) return 0;
  const parts = Object.values(PARTS).map((codes): number => {
    const own = issues.filter(({ code }) => codes.includes(code));
    return own.some(({ severity }) => severity === 'error') ? 0 : own.some(({ severity }) => severity === 'warning') ? 0.5 : 1;
  });
  return parts.reduce((sum, part) => sum + part, 0) / parts.length;
}

/** Folders that keep nothing go whole, everything else file by file. */
function removedOf(tree: Tree, { dropped }: Findings): string[] {
  const kept = new Set(['']);
  for (const entry of tree.entries.values()) {
    if (entry.kind === 'folder' || dropped.has(entry.path)) continue;
    for (let folder = parentOf(entry.path); !kept.has(folder); folder = parentOf(folder)) kept.add(folder);
  }
  const removed: string[] = [];
  for (const { path, kind } of tree.entries.values()) {
    if (!kept.has(parentOf(path))) continue;
    if (kind === 'folder' ? !kept.has(path) : dropped.has(path)) removed.push(kind === 'folder' ? `${path}/` : path);
  }
  return removed.sort();
}
