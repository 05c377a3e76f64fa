/**
 * A llama checkpoint whose rows k-quants can hold, out of one whose hidden size misses multiples of 256: zero columns, rows and heads are
 * added, norms and their epsilon rescaled, so that the logits stay. `node bench/padded-model.mjs BASE OUT` (SmolLM2-135M: 576 -> 768).
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [base, out] = process.argv.slice(2);
if (!out) throw new Error('usage: node bench/padded-model.mjs BASE OUT');
const config = JSON.parse(readFileSync(join(base, 'config.json'), 'utf8'));
const file = readFileSync(join(base, 'model.safetensors'));
const headerBytes = Number(file.readBigUInt64LE(0));
const header = JSON.parse(file.subarray(8, 8 + headerBytes).toString('utf8'));
const hidden = config.hidden_size;
const headDim = config.head_dim ?? hidden / config.num_attention_heads;
const group = config.num_attention_heads / config.num_key_value_heads;
const width = Math.ceil(hidden / 256) * 256;
const kvHeads = width / headDim / group;
if (!Number.isInteger(kvHeads)) throw new Error(`${width} columns are no whole number of head groups`);
const norm = Math.sqrt(hidden / width);

/** Bytes of `rows` x `cols` bf16 values with zeros to the right and below. */
function padded(source, [rows, cols], [toRows, toCols]) {
  const target = Buffer.alloc(toRows * toCols * 2);
  for (let row = 0; row < rows; row += 1) source.copy(target, row * toCols * 2, row * cols * 2, (row + 1) * cols * 2);
  return target;
}
const one = new Float32Array(1);
const word = new Uint32Array(one.buffer);
/** A norm's weights, rescaled, rounded to bf16 as nearest even. */
function scaledNorm(source) {
  const target = Buffer.alloc(width * 2);
  for (let i = 0; i < hidden; i += 1) {
    word[0] = source.readUInt16LE(i * 2) << 16;
    one[0] *= norm;
    target.writeUInt16LE((word[0] + 0x7fff + ((word[0] >>> 16) & 1)) >>> 16, i * 2);
  }
  return target;
}
const kv = kvHeads * headDim;
const shapes = [
  [/embed_tokens|lm_head/, ([rows]) => [rows, width]], [/q_proj|o_proj/, () => [width, width]], [/[kv]_proj/, () => [kv, width]],
  [/gate_proj|up_proj/, ([rows]) => [rows, width]], [/down_proj/, ([, cols]) => [width, cols]],
];

let offset = 0;
const written = {};
const parts = [];
for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(header).filter(([name]) => name !== '__metadata__')) {
  if (dtype !== 'BF16') throw new Error(`${name} is ${dtype}, not BF16`);
  const source = file.subarray(8 + headerBytes + from, 8 + headerBytes + to);
  const toShape = shape.length === 1 ? [width] : shapes.find(([pattern]) => pattern.test(name))[1](shape);
  const bytes = shape.length === 1 ? scaledNorm(source) : padded(source, shape, toShape);
  written[name] = { dtype, shape: toShape, data_offsets: [offset, offset + bytes.length] };
  offset += bytes.length;
  parts.push(bytes);
}
mkdirSync(out, { recursive: true });
for (const name of readdirSync(base)) if (!/^(config\.json|.*\.safetensors.*)$/.test(name)) copyFileSync(join(base, name), join(out, name));
const text = Buffer.from(JSON.stringify(written));
const size = Buffer.alloc(8);
size.writeBigUInt64LE(BigInt(text.length));
writeFileSync(join(out, 'model.safetensors'), Buffer.concat([size, text, ...parts]));
writeFileSync(join(out, 'config.json'), `${JSON.stringify({
  ...config, hidden_size: width, num_attention_heads: kvHeads * group, num_key_value_heads: kvHeads, head_dim: headDim, rms_norm_eps: config.rms_norm_eps * hidden / width,
}, null, 2)}\n`);
