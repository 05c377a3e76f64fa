/** Models for importance matrices: the tiny one with other metadata, and one with experts. */
import { headerEntry, type HeaderEntry, readGguf, readPart } from '../../src/formats/index.js';
import { bytesOf, random, type SyntheticTensor, weights, writeGguf } from '../plan/synthetic.js';
import { writeTinyModel } from '../support/tiny-model.js';

const WIDTH = 64;
const INNER = 32;
const EXPERTS = 4;

async function metadataOf(path: string, changes: readonly HeaderEntry[]): Promise<HeaderEntry[]> {
  const blobs = new Map<string, Uint8Array>();
  const kept = (await readGguf(path)).metadata.filter(({ key }) => !changes.some((change) => change.key === key));
  // Long arrays as lists: nothing lies beside the file.
  return [...kept.map((entry): HeaderEntry => {
    const made = headerEntry(entry, blobs);
    const { value } = entry;
    return typeof value === 'object' && typeof made.value === 'object' && 'blob' in made.value ? { ...made, value: { of: value.of, items: value.items() as (string | number | boolean)[] } } : made;
  }), ...changes];
}

const tensorsOf = async (path: string): Promise<SyntheticTensor[]> =>
  Promise.all((await readGguf(path)).tensors.map(async ({ name, ne, type, offset, bytes }) => ({ name, ne, type, bytes: await readPart(path, offset, bytes) })));

/** The tiny model, whose tokenizer puts a start token first. */
export async function writeStartingModel(path: string): Promise<string> {
  await writeTinyModel(path);
  return writeGguf(path, await metadataOf(path, [{ key: 'tokenizer.ggml.add_bos_token', type: 'bool', value: true }]), await tensorsOf(path));
}

/** The tiny model with a value in one of its tensors replaced. */
export async function writeDamagedModel(path: string, tensor: string, value: number): Promise<string> {
  await writeTinyModel(path);
  const tensors = (await tensorsOf(path)).map((one) => {
    if (one.name !== tensor) return one;
    const values = new Float32Array(one.bytes.slice().buffer);
    values[0] = value;
    return { ...one, bytes: bytesOf(values, 'f32') };
  });
  return writeGguf(path, await metadataOf(path, []), tensors);
}

/** The tiny model with four experts in place of each feed-forward network, two for each token. */
export async function writeExpertModel(path: string): Promise<string> {
  await writeTinyModel(path);
  const next = random(5);
  const made = (name: string, ...ne: number[]): SyntheticTensor => ({ name, ne, type: 'f32', bytes: bytesOf(weights(ne.reduce((a, b) => a * b, 1), next, 0.5), 'f32') });
  const u32 = (key: string, value: number): HeaderEntry => ({ key: `llama.${key}`, type: 'uint32', value });
  const tensors = (await tensorsOf(path)).flatMap((tensor): SyntheticTensor[] => {
    const at = tensor.name.replace(/ffn_.*/, '');
    if (tensor.name.endsWith('ffn_gate.weight')) return [made(`${at}ffn_gate_inp.weight`, WIDTH, EXPERTS), made(`${at}ffn_gate_exps.weight`, WIDTH, INNER, EXPERTS)];
    if (tensor.name.endsWith('ffn_up.weight')) return [made(`${at}ffn_up_exps.weight`, WIDTH, INNER, EXPERTS)];
    if (tensor.name.endsWith('ffn_down.weight')) return [made(`${at}ffn_down_exps.weight`, INNER, WIDTH, EXPERTS)];
    return [tensor];
  });
  return writeGguf(path, await metadataOf(path, [u32('expert_count', EXPERTS), u32('expert_used_count', 2), u32('feed_forward_length', INNER)]), tensors);
}
