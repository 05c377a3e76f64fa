/** A Hugging Face checkpoint: config.json and safetensors weights, in one file or in shards. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TaraError } from '../errors.js';
import { checkFolder, innerFile, isInnerName, present } from './folder.js';
import { isJsonObject, type JsonObject, readJsonObject } from './json.js';
import { oneLine } from './one-line.js';
import { readSafetensors, type SafetensorsFile, type SafetensorsTensor } from './safetensors.js';

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const PICKLES = ['pytorch_model.bin', 'pytorch_model.bin.index.json', 'model.pt', 'model.pth'];
const INDEX_BYTES = 32 << 20;

export interface Checkpoint {
  readonly dir: string;
  readonly config: JsonObject;
  readonly shards: readonly SafetensorsFile[];
  readonly tensors: ReadonlyMap<string, { readonly shard: number; readonly tensor: SafetensorsTensor }>;
}

/** Tensor name -> shard file name, every name checked to stay in the folder. */
async function readIndex(dir: string): Promise<Map<string, string>> {
  const path = await innerFile(dir, INDEX);
  const fail = (reason: string) => new TaraError('TARA_CONFIG_INVALID', { path, reason: oneLine(reason) });
  const { weight_map: map } = await readJsonObject(path, INDEX_BYTES);
  if (!isJsonObject(map) || Object.keys(map).length === 0) throw fail('it has no weight_map');
  const shards = new Map<string, string>();
  for (const [tensor, shard] of Object.entries(map)) {
    if (typeof shard !== 'string' || !isInnerName(shard)) throw fail(`the shard ${JSON.stringify(shard)} of ${tensor} leads out of the folder`);
    if (!shard.endsWith('.safetensors')) throw fail(`the shard ${shard} of ${tensor} is no safetensors file`);
    shards.set(tensor, shard);
  }
  return shards;
}

async function missingWeights(dir: string): Promise<TaraError> {
  const [pickle] = await present(dir, PICKLES);
  const reason = pickle === undefined
    ? `it has neither ${SINGLE} nor ${INDEX}`
    : `its weights exist only as a pickle (${pickle}), which is never opened; save them as safetensors`;
  return new TaraError('TARA_MODEL_NOT_RECOGNISED', { path: dir, reason });
}

/**
 * The headers of a checkpoint's weights and its configuration. A tensor that the index lists is in
 * the shard it names, and no tensor is in two shards. Throws TARA_MODEL_NOT_RECOGNISED,
 * TARA_CONFIG_INVALID, TARA_TENSOR_MISSING and what the readers throw.
 */
export async function readCheckpoint(dir: string, options: { signal?: AbortSignal | undefined } = {}): Promise<Checkpoint> {
  await checkFolder(dir);
  const files = await present(dir, ['config.json', SINGLE, INDEX]);
  if (!files.includes('config.json')) throw new TaraError('TARA_MODEL_NOT_RECOGNISED', { path: dir, reason: 'it has no config.json' });
  const config = await readJsonObject(await innerFile(dir, 'config.json'));
  if (!files.includes(SINGLE) && !files.includes(INDEX)) throw await missingWeights(dir);

  const index = files.includes(SINGLE) ? undefined : await readIndex(dir);
  const names = index === undefined ? [SINGLE] : [...new Set(index.values())].sort();
  const shards: SafetensorsFile[] = [];
  const tensors = new Map<string, { shard: number; tensor: SafetensorsTensor }>();
  for (const name of names) {
    const file = await readSafetensors(await innerFile(dir, name), options);
    for (const tensor of file.tensors) {
      const other = tensors.get(tensor.name);
      if (other !== undefined) {
        throw new TaraError('TARA_SAFETENSORS_INVALID', { path: file.path, reason: oneLine(`tensor ${tensor.name} is also in ${names[other.shard] ?? ''}`) });
      }
      tensors.set(tensor.name, { shard: shards.length, tensor });
    }
    shards.push(file);
  }
  for (const [tensor, name] of index ?? []) {
    const found = tensors.get(tensor);
    if (found === undefined || names[found.shard] !== name) throw new TaraError('TARA_TENSOR_MISSING', { path: join(dir, name), tensor: oneLine(tensor) });
  }
  return { dir, config, shards, tensors };
}

/** The files whose bytes decide what a model computes: a GGUF file itself, or a checkpoint's shards. Throws as readCheckpoint. */
export async function weightFiles(model: string): Promise<{ readonly path: string; readonly bytes: number }[]> {
  const found = await stat(model).catch(() => undefined);
  if (found?.isFile() === true) return [{ path: model, bytes: found.size }];
  return (await readCheckpoint(model)).shards.map(({ path, size }) => ({ path, bytes: size }));
}
