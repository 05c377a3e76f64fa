/** Small model and adapter folders for the tests of cleanup, written out of the fixtures in a temporary folder, and cleaned. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CleanReport } from 'tara-gguf/plugin';
import { onTestFinished } from 'vitest';
import { clean } from '../../plugins/cleanup/cleaner.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/cleanup/', import.meta.url));

/** A new empty folder, removed after the test that asks for it. */
export function temporary(): string {
  const path = mkdtempSync(join(tmpdir(), 'tara-cleanup-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export const readJson = (path: string): Record<string, unknown> => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;

export function write(root: string, path: string, content: string | Buffer | object): void {
  const place = join(root, path);
  mkdirSync(dirname(place), { recursive: true });
  writeFileSync(place, typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content, null, 2));
}

/** A sound two-layer llama with a SentencePiece vocabulary of 2000. */
export function makeModel(changes: Record<string, unknown> = {}): string {
  const root = join(temporary(), 'model');
  cpSync(join(FIXTURES, 'config-incomplete', 'model'), root, { recursive: true });
  const config = { ...readJson(join(root, 'config.json')), vocab_size: 2000, hidden_size: 16, num_attention_heads: 2, ...changes };
  write(root, 'config.json', Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined)));
  return root;
}

/** A sound adapter of rank 4 for that model, in the old trainer's form. */
export function makeAdapter(): string {
  const root = join(temporary(), 'adapter');
  cpSync(join(FIXTURES, 'tara-adapter', 'model'), root, { recursive: true });
  return root;
}

export interface RawTensor {
  readonly dtype: string;
  readonly shape: number[];
  readonly data: Buffer;
}

export function readTensors(path: string): Record<string, RawTensor> {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, start).toString()) as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  return Object.fromEntries(Object.entries(header).filter(([name]) => name !== '__metadata__').map(([name, { dtype, shape, data_offsets: [from, to] }]) =>
    [name, { dtype, shape, data: bytes.subarray(start + from, start + to) }]));
}

export function writeTensors(root: string, path: string, tensors: Record<string, RawTensor>): void {
  let end = 0;
  const header = Object.fromEntries(Object.entries(tensors).map(([name, { dtype, shape, data }]) => [name, { dtype, shape, data_offsets: [end, (end += data.length)] }]));
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  write(root, path, Buffer.concat([length, text, ...Object.values(tensors).map(({ data }) => data)]));
}

/** Replaces model.safetensors by shards: a name for each tensor. */
export function shard(root: string, fileOf: (tensor: string) => string): Record<string, string> {
  const tensors = readTensors(join(root, 'model.safetensors'));
  rmSync(join(root, 'model.safetensors'));
  const map = Object.fromEntries(Object.keys(tensors).map((name) => [name, fileOf(name)]));
  for (const file of new Set(Object.values(map))) writeTensors(root, file, Object.fromEntries(Object.entries(tensors).filter(([name]) => map[name] === file)));
  write(root, 'model.safetensors.index.json', { metadata: {}, weight_map: map });
  return map;
}

export const check = (path: string): Promise<CleanReport> => clean(path);
export const copyOf = (path: string): Promise<CleanReport> => clean(path, { outputPath: `${path}-out` });
/** What makes the folder invalid. */
export const errors = (report: CleanReport): string[] => report.issues.filter(({ severity }) => severity === 'error').map(({ code, path }) => `${code} ${path}`);
