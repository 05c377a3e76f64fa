/** A llama of 268 million bf16 weights whose rows k-quants can hold: written once, reused while its name and size stay. */
import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { encodeHeader, tensorBytes } from '../dist/src/formats/index.js';

const SHAPE = { width: 1024, ff: 2816, layers: 18, heads: 16, kvHeads: 4, vocab: 32000 };
const CHUNK = 1 << 22;

function tensorList({ width, ff, layers, heads, kvHeads, vocab }) {
  const kv = (width / heads) * kvHeads;
  const list = [['token_embd.weight', [width, vocab]], ['output_norm.weight', [width]], ['output.weight', [width, vocab]]];
  for (let layer = 0; layer < layers; layer += 1) {
    const at = `blk.${layer}`;
    list.push(
      [`${at}.attn_norm.weight`, [width]], [`${at}.attn_q.weight`, [width, width]], [`${at}.attn_k.weight`, [width, kv]],
      [`${at}.attn_v.weight`, [width, kv]], [`${at}.attn_output.weight`, [width, width]], [`${at}.ffn_norm.weight`, [width]],
      [`${at}.ffn_gate.weight`, [width, ff]], [`${at}.ffn_up.weight`, [width, ff]], [`${at}.ffn_down.weight`, [ff, width]],
    );
  }
  let end = 0;
  return list.map(([name, ne]) => {
    const type = ne.length > 1 ? 'bf16' : 'f32';
    const offset = end;
    end += Math.ceil(tensorBytes(type, ne) / 32) * 32;
    return { name, ne, type, offset, bytes: tensorBytes(type, ne) };
  });
}

/** Bell-shaped bf16 values with an outlier in five hundred, each row of a scale of its own. */
function generator() {
  let state = 0x9e3779b9;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  const bell = Float32Array.from({ length: 1 << 16 }, () => {
    let sum = 0;
    for (let k = 0; k < 6; k += 1) sum += next() / 2 ** 32;
    return (sum - 3) * (next() % 500 === 0 ? 8 : 1);
  });
  const one = new Float32Array(1);
  const word = new Uint32Array(one.buffer);
  return (into, cols) => {
    let scale = 0;
    for (let i = 0; i < into.length; i += 1) {
      if (i % cols === 0) scale = 0.01 + (next() % 1000) * 5e-5;
      one[0] = bell[next() & 0xffff] * scale;
      into[i] = word[0] >>> 16;
    }
  };
}

/** Writes the model to `path` unless it is there. Gives the number of its weights. */
export async function syntheticModel(path) {
  const tensors = tensorList(SHAPE);
  const parameters = tensors.reduce((sum, { ne }) => sum + ne.reduce((product, n) => product * n, 1), 0);
  const u32 = (key, value) => ({ key, type: 'uint32', value });
  const header = encodeHeader({
    alignment: 32,
    tensors,
    metadata: [
      { key: 'general.architecture', type: 'string', value: 'llama' }, u32('llama.block_count', SHAPE.layers), u32('llama.context_length', 2048),
      u32('llama.embedding_length', SHAPE.width), u32('llama.feed_forward_length', SHAPE.ff), u32('llama.attention.head_count', SHAPE.heads),
      u32('llama.attention.head_count_kv', SHAPE.kvHeads), u32('llama.vocab_size', SHAPE.vocab), u32('general.file_type', 32),
      { key: 'llama.attention.layer_norm_rms_epsilon', type: 'float32', value: 1e-5 }, { key: 'tokenizer.ggml.model', type: 'string', value: 'no_vocab' },
    ],
  }, new Map());
  const last = tensors.at(-1);
  const size = header.length + last.offset + Math.ceil(last.bytes / 32) * 32;
  if (existsSync(path) && statSync(path).size === size) return parameters;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.part`, header);
  const file = await open(`${path}.part`, 'r+');
  const fill = generator();
  const chunk = new Uint16Array(CHUNK);
  for (const { ne, type, offset, bytes } of tensors) {
    if (type === 'f32') {
      await file.write(new Uint8Array(new Float32Array(ne[0]).fill(1).buffer), 0, bytes, header.length + offset);
      continue;
    }
    const rows = Math.max(1, Math.floor(CHUNK / ne[0]));
    for (let row = 0; row < ne[1]; row += rows) {
      const part = chunk.subarray(0, Math.min(rows, ne[1] - row) * ne[0]);
      fill(part, ne[0]);
      await file.write(new Uint8Array(part.buffer, 0, part.byteLength), 0, part.byteLength, header.length + offset + row * ne[0] * 2);
    }
  }
  await file.truncate(size);
  await file.close();
  renameSync(`${path}.part`, path);
  return parameters;
}

/** An importance matrix for it as llama-imatrix writes one: every matrix but the embedding; a column in fifty was never active. */
export async function syntheticImatrix(path) {
  const matrices = tensorList(SHAPE).filter(({ ne, name }) => ne.length > 1 && name !== 'token_embd.weight');
  let end = 0;
  const place = (name, ne) => {
    const offset = end;
    end += Math.ceil(tensorBytes('f32', ne) / 32) * 32;
    return { name, ne, type: 'f32', offset };
  };
  const tensors = matrices.flatMap(({ name, ne }) => [place(`${name}.in_sum2`, [ne[0], 1]), place(`${name}.counts`, [1, 1])]);
  const payload = Buffer.from('....\u0000\u0000\u0000\u0000calibration.txt');
  payload.writeUInt32LE('calibration.txt'.length, 0);
  const header = encodeHeader({
    alignment: 32,
    tensors,
    metadata: [
      { key: 'general.type', type: 'string', value: 'imatrix' },
      { key: 'imatrix.datasets', type: 'array', value: { of: 'string', length: 1, blob: 'datasets' } },
      { key: 'imatrix.chunk_count', type: 'uint32', value: 40 }, { key: 'imatrix.chunk_size', type: 'uint32', value: 512 },
    ],
  }, new Map([['datasets', payload]]));
  const data = new Float32Array(end / 4);
  let state = 7;
  for (const { name, ne, offset } of tensors) {
    if (name.endsWith('.counts')) {
      data[offset / 4] = 40 * 512;
      continue;
    }
    for (let i = 0; i < ne[0]; i += 1) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      data[offset / 4 + i] = state % 50 === 0 ? 0 : ((state >>> 8) / 2 ** 24) ** 4 * 40 * 512;
    }
  }
  writeFileSync(path, Buffer.concat([header, Buffer.from(data.buffer)]));
}
