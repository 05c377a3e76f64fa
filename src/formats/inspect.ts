/** What a model file or folder holds, from its headers alone. */
import { stat } from 'node:fs/promises';
import { TaraError } from '../errors.js';
import type { GgmlTypeName } from './ggml-types.js';
import { readCheckpoint } from './checkpoint.js';
import { readGguf, type GgufEntry } from './gguf.js';
import { readAdapter, type AdapterConfig } from './peft.js';
import { readSafetensors } from './safetensors.js';

/** Items of an array that are shown; a longer one is told by its length. */
const ITEMS_SHOWN = 8;

export interface InspectedEntry {
  readonly key: string;
  readonly type: GgufEntry['type'];
  /** 64-bit integers as decimal text; a long array as { of, length }. */
  readonly value: unknown;
}

export interface InspectedTensor {
  readonly name: string;
  /** ggml order for a GGUF (ne[0] is the row length), the file's own order otherwise. */
  readonly shape: readonly number[];
  readonly type: string;
  readonly bytes: number;
}

export type Inspection =
  | {
    readonly kind: 'gguf';
    readonly path: string;
    readonly bytes: number;
    readonly version: number;
    readonly alignment: number;
    readonly parameters: number;
    readonly bitsPerWeight: number;
    /** Tensors of each ggml type. */
    readonly types: Readonly<Partial<Record<GgmlTypeName, number>>>;
    readonly metadata: readonly InspectedEntry[];
    readonly tensors: readonly InspectedTensor[];
  }
  | { readonly kind: 'safetensors'; readonly path: string; readonly bytes: number; readonly metadata: Readonly<Record<string, string>>; readonly tensors: readonly InspectedTensor[] }
  | { readonly kind: 'hf-model'; readonly path: string; readonly bytes: number; readonly shards: number; readonly config: Readonly<Record<string, unknown>>; readonly tensors: readonly InspectedTensor[] }
  | { readonly kind: 'peft-adapter'; readonly path: string; readonly config: AdapterConfig; readonly modules: readonly { readonly name: string; readonly rank: number; readonly scale: number }[] };

const elements = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

function valueOf(value: GgufEntry['value']): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object') return value;
  if (value.length > ITEMS_SHOWN) return { of: value.of, length: value.length };
  return value.items().map((item) => (typeof item === 'bigint' ? item.toString() : item));
}

async function inspectGguf(path: string): Promise<Inspection> {
  const file = await readGguf(path);
  const parameters = file.tensors.reduce((sum, { ne }) => sum + elements(ne), 0);
  const weights = file.tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  const types: Partial<Record<GgmlTypeName, number>> = {};
  for (const { type } of file.tensors) types[type] = (types[type] ?? 0) + 1;
  return {
    kind: 'gguf', path, bytes: file.size, version: file.version, alignment: file.alignment, parameters,
    bitsPerWeight: parameters > 0 ? (weights * 8) / parameters : 0,
    types,
    metadata: file.metadata.map(({ key, type, value }) => ({ key, type, value: valueOf(value) })),
    tensors: file.tensors.map(({ name, ne, type, bytes }) => ({ name, shape: ne, type, bytes })),
  };
}

async function inspectFolder(path: string): Promise<Inspection> {
  const isAdapter = await stat(`${path}/adapter_config.json`).then(() => true, () => false);
  if (isAdapter) {
    const { config, modules } = await readAdapter(path);
    return { kind: 'peft-adapter', path, config, modules: [...modules].map(([name, { rank, scale }]) => ({ name, rank, scale })) };
  }
  const { config, shards, tensors } = await readCheckpoint(path);
  return {
    kind: 'hf-model', path, config, shards: shards.length,
    bytes: shards.reduce((sum, { size }) => sum + size, 0),
    tensors: [...tensors.values()].map(({ tensor: { name, shape, dtype, bytes } }) => ({ name, shape, type: dtype, bytes })),
  };
}

/** Describes a GGUF or safetensors file, a checkpoint or an adapter folder. Throws what is wrong with it. */
export async function inspect(path: string): Promise<Inspection> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new TaraError('TARA_FILE_NOT_FOUND', { path });
  if (found.isDirectory()) return inspectFolder(path);
  if (!path.endsWith('.safetensors')) return inspectGguf(path);
  const file = await readSafetensors(path);
  return { kind: 'safetensors', path, bytes: file.size, metadata: file.metadata, tensors: file.tensors.map(({ name, shape, dtype, bytes }) => ({ name, shape, type: dtype, bytes })) };
}
