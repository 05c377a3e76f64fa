/** Writes a bf16 checkpoint of 1.5 billion parameters with another checkpoint's tokenizer: what it says is noise, its size is real. */
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import { randomFillSync } from 'node:crypto';
import { join } from 'node:path';

const SHAPE = { hidden_size: 2048, intermediate_size: 8192, num_hidden_layers: 21, num_attention_heads: 32, num_key_value_heads: 32 };

/** Name and shape of each tensor of a tied llama. */
function tensors(vocab) {
  const { hidden_size: width, intermediate_size: inner, num_hidden_layers: layers } = SHAPE;
  const all = [['model.embed_tokens.weight', [vocab, width]], ['model.norm.weight', [width]]];
  for (let layer = 0; layer < layers; layer += 1) {
    const at = `model.layers.${layer}`;
    for (const name of ['q', 'k', 'v', 'o']) all.push([`${at}.self_attn.${name}_proj.weight`, [width, width]]);
    all.push([`${at}.mlp.gate_proj.weight`, [inner, width]], [`${at}.mlp.up_proj.weight`, [inner, width]], [`${at}.mlp.down_proj.weight`, [width, inner]]);
    all.push([`${at}.input_layernorm.weight`, [width]], [`${at}.post_attention_layernorm.weight`, [width]]);
  }
  return all;
}

/** A megabyte of bfloat16 noise between 2^-7 and 2^-6 in magnitude. */
function noise() {
  const words = new Uint16Array(512 * 1024);
  randomFillSync(words);
  return new Uint8Array(words.map((word) => (word & 0x807f) | 0x3c00).buffer);
}

/** `base` gives the tokenizer and what its configuration says beside the shape. Gives the bytes of weights. */
export function writeLargeCheckpoint(dir, base) {
  mkdirSync(dir, { recursive: true });
  const config = { ...JSON.parse(readFileSync(join(base, 'config.json'), 'utf8')), ...SHAPE, tie_word_embeddings: true };
  delete config.head_dim;
  writeFileSync(join(dir, 'config.json'), JSON.stringify(config));
  for (const name of readdirSync(base).filter((file) => /^(tokenizer|special_tokens|chat_template|generation|vocab|merges)/.test(file))) copyFileSync(join(base, name), join(dir, name));

  let end = 0;
  const header = Object.fromEntries(tensors(config.vocab_size).map(([name, shape]) => {
    const start = end;
    end += 2 * shape.reduce((product, n) => product * n, 1);
    return [name, { dtype: 'BF16', shape, data_offsets: [start, end] }];
  }));
  const text = JSON.stringify(header);
  const head = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, ' ');
  head.writeBigUInt64LE(BigInt(head.length - 8));
  head.write(text, 8);
  const file = openSync(join(dir, 'model.safetensors'), 'w');
  try {
    writeSync(file, head);
    const block = noise();
    for (let left = end; left > 0; left -= block.length) writeSync(file, block, 0, Math.min(left, block.length));
  } finally {
    closeSync(file);
  }
  return end;
}
