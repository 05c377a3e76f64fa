/** What a model file or folder holds, from its headers alone. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TaraError } from '../errors.js';
import { readCheckpoint } from './checkpoint.js';
import { countTypes } from './gguf/count-types.js';
import { isFile } from './files.js';
import { type GgufEntry, type GgufFile, metadataOf, readGguf, readGgufFrom } from './gguf/file.js';
import { type AdapterConfig, readAdapter } from './peft/adapter.js';
import { provenance, type Provenance } from './provenance.js';
import { isUrl, type RemoteOptions, withRemote } from './remote.js';
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

/** What the kinds with weights have in common. */
interface Weights {
  /** A file, a folder, or an address without its query. */
  readonly path: string;
  /** Of all files. */
  readonly bytes: number;
  readonly parameters: number;
  /** Tensors of each type. */
  readonly types: Readonly<Record<string, number>>;
  readonly tensors: readonly InspectedTensor[];
}

export interface InspectedGguf extends Weights {
  readonly kind: 'gguf';
  readonly version: number;
  readonly alignment: number;
  readonly bitsPerWeight: number;
  /** Of a LoRA adapter in GGUF form: its alpha, and the smallest and largest rank. */
  readonly lora: { readonly alpha: number | null; readonly modules: number; readonly ranks: readonly [number, number] | null } | null;
  readonly provenance: Provenance | null;
  readonly metadata: readonly InspectedEntry[];
}

export interface InspectedSafetensors extends Weights {
  readonly kind: 'safetensors';
  readonly metadata: Readonly<Record<string, string>>;
}

export interface InspectedCheckpoint extends Weights {
  readonly kind: 'hf-model';
  readonly shards: readonly { readonly path: string; readonly bytes: number; readonly tensors: number }[];
  readonly config: Readonly<Record<string, unknown>>;
}

export interface InspectedAdapter extends Weights {
  readonly kind: 'peft-adapter';
  readonly config: AdapterConfig;
  readonly modules: readonly { readonly name: string; readonly rank: number; readonly scale: number; readonly dora: boolean }[];
  /** Tensors that take the place of the base's. */
  readonly saved: readonly string[];
}

export type Inspection = InspectedGguf | InspectedSafetensors | InspectedCheckpoint | InspectedAdapter;

const elements = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

const weightsOf = (path: string, bytes: number, tensors: readonly InspectedTensor[]): Weights => ({
  path, bytes, parameters: sum(tensors.map(({ shape }) => elements(shape))), types: countTypes(tensors), tensors,
});

const stored = ({ name, shape, dtype, bytes }: { name: string; shape: readonly number[]; dtype: string; bytes: number }): InspectedTensor => ({ name, shape, type: dtype, bytes });

function valueOf(value: GgufEntry['value']): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object') return value;
  if (value.length > ITEMS_SHOWN) return { of: value.of, length: value.length };
  return value.items().map((item) => (typeof item === 'bigint' ? item.toString() : item));
}

function loraOf(file: GgufFile): InspectedGguf['lora'] {
  const metadata = metadataOf(file);
  if (metadata.string('general.type') !== 'adapter' || metadata.string('adapter.type') !== 'lora') return null;
  // Rows of b are as long as the rank, whatever orientation a has.
  const ranks = file.tensors.filter(({ name }) => name.endsWith('.lora_b')).map(({ ne }) => ne[0] ?? 0);
  const span = ranks.reduce<readonly [number, number] | null>((found, rank) => (found ? [Math.min(found[0], rank), Math.max(found[1], rank)] : [rank, rank]), null);
  return { alpha: metadata.number('adapter.lora.alpha') ?? null, modules: ranks.length, ranks: span };
}

function inspectGguf(file: GgufFile): InspectedGguf {
  const weights = weightsOf(file.path, file.size, file.tensors.map(({ name, ne, type, bytes }) => ({ name, shape: ne, type, bytes })));
  const bits = 8 * sum(file.tensors.map(({ bytes }) => bytes));
  return {
    kind: 'gguf', ...weights, version: file.version, alignment: file.alignment,
    bitsPerWeight: weights.parameters > 0 ? bits / weights.parameters : 0,
    lora: loraOf(file),
    provenance: provenance(file),
    metadata: file.metadata.map(({ key, type, value }) => ({ key, type, value: valueOf(value) })),
  };
}

async function inspectFolder(path: string, signal: AbortSignal | undefined): Promise<Inspection> {
  if (await isFile(join(path, 'adapter_config.json'))) {
    const { config, modules, saved, weights } = await readAdapter(path, { signal });
    return {
      kind: 'peft-adapter', ...weightsOf(path, weights.size, weights.tensors.map(stored)), config,
      modules: [...modules].map(([name, { rank, scale, magnitude }]) => ({ name, rank, scale, dora: magnitude !== null })),
      saved: [...saved.keys()],
    };
  }
  const { config, shards, tensors } = await readCheckpoint(path, { signal });
  return {
    kind: 'hf-model', ...weightsOf(path, sum(shards.map(({ size }) => size)), [...tensors.values()].map(({ tensor }) => stored(tensor))),
    shards: shards.map((shard) => ({ path: shard.path, bytes: shard.size, tensors: shard.tensors.length })), config,
  };
}

/**
 * Describes a GGUF or safetensors file, a checkpoint or an adapter folder, or a GGUF file at an http(s) address, of which
 * only the header is fetched. Throws what is wrong with it.
 */
export async function inspect(path: string, options: RemoteOptions = {}): Promise<Inspection> {
  const { signal } = options;
  if (isUrl(path)) return withRemote(path, options, async (file) => inspectGguf(await readGgufFrom(file, file, { signal })));
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new TaraError('TARA_FILE_NOT_FOUND', { path });
  if (found.isDirectory()) return inspectFolder(path, signal);
  if (!path.endsWith('.safetensors')) return inspectGguf(await readGguf(path, { signal }));
  const file = await readSafetensors(path, { signal });
  return { kind: 'safetensors', ...weightsOf(path, file.size, file.tensors.map(stored)), metadata: file.metadata };
}
