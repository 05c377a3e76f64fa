/** Tensors of Hugging Face checkpoints and GGUF files in the tests' own words: names, row orders and orientation, without the code under test. */
import { readFileSync } from 'node:fs';
import { readGguf } from '../../src/formats/gguf/file.js';
import { readSafetensors } from '../../src/formats/safetensors.js';

export interface Values {
  /** Slowest dimension first. */
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const floats = (bytes: Uint8Array): Float32Array => new Float32Array(Uint8Array.from(bytes).buffer);

/** The float32 tensors of a safetensors file whose names begin with `prefix`, without it. */
export async function safetensorsValues(path: string, prefix = ''): Promise<Map<string, Values>> {
  const bytes = readFileSync(path);
  const { tensors } = await readSafetensors(path);
  return new Map(tensors.filter(({ name, dtype }) => name.startsWith(prefix) && dtype === 'F32').map((tensor) => [
    tensor.name.slice(prefix.length), { shape: tensor.shape, data: floats(bytes.subarray(tensor.offset, tensor.offset + tensor.bytes)) },
  ]));
}

/** The float32 tensors of a GGUF file. */
export async function ggufValues(path: string): Promise<Map<string, Values>> {
  const bytes = readFileSync(path);
  const { tensors } = await readGguf(path);
  return new Map(tensors.filter(({ type }) => type === 'f32').map((tensor) => [
    tensor.name, { shape: tensor.ne.toReversed(), data: floats(bytes.subarray(tensor.offset, tensor.offset + tensor.bytes)) },
  ]));
}

const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^model\.embed_tokens|^transformer\.wte/, 'token_embd'], [/^lm_head/, 'output'], [/^model\.norm|^transformer\.ln_f/, 'output_norm'], [/^transformer\.wpe/, 'position_embd'],
  [/^model\.layers\.|^transformer\.h\./, 'blk.'],
  [/pre_feedforward_layernorm/, 'ffn_norm'], [/post_feedforward_layernorm/, 'post_ffw_norm'], [/input_layernorm|ln_1/, 'attn_norm'], [/post_attention_layernorm|ln_2/, 'ffn_norm'], [/self_attn\.([qk])_norm/, 'attn_$1_norm'],
  [/self_attn\.([qkv])_proj/, 'attn_$1'], [/self_attn\.o_proj|attn\.c_proj/, 'attn_output'], [/attn\.c_attn/, 'attn_qkv'],
  [/mlp\.(gate|up|down)_proj/, 'ffn_$1'], [/mlp\.c_fc/, 'ffn_up'], [/mlp\.c_proj/, 'ffn_down'],
];

/** Gemma has a second norm behind attention. */
export const ggufName = (name: string, model = ''): string =>
  NAMES.reduce((text, [pattern, to]) => text.replace(pattern, to), model.startsWith('gemma') ? name.replace('post_attention_layernorm', 'post_attention_norm') : name);

/** A head's two halves, interleaved: for Llama's queries and keys. */
function interleaved({ shape, data }: Values, heads: number): Values {
  const [rows = 0, cols = 1] = shape;
  const half = rows / heads / 2;
  const out = new Float32Array(data.length);
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < half; i++) {
      for (const part of [0, 1]) {
        const from = head * 2 * half + part * half + i;
        const to = head * 2 * half + 2 * i + part;
        out.set(data.subarray(from * cols, (from + 1) * cols), to * cols);
      }
    }
  }
  return { shape, data: out };
}

function transposed({ shape: [rows = 0, cols = 0], data }: Values): Values {
  return { shape: [cols, rows], data: Float32Array.from({ length: data.length }, (_, i) => data[(i % rows) * cols + Math.floor(i / rows)] ?? 0) };
}

/** What a checkpoint's tensor must be in the GGUF file: only the architecture llama reorders, only Conv1D is turned, only Gemma's norms get 1 more. */
export function inGguf(name: string, values: Values, config: { readonly model_type: string; readonly num_attention_heads?: number; readonly num_key_value_heads?: number }): Values {
  if (config.model_type === 'llama' && name.includes('self_attn.q_proj')) return interleaved(values, config.num_attention_heads ?? 0);
  if (config.model_type === 'llama' && name.includes('self_attn.k_proj')) return interleaved(values, config.num_key_value_heads ?? 0);
  if (config.model_type === 'gpt2' && /c_(attn|proj|fc)\.weight$/.test(name)) return transposed(values);
  if (config.model_type.startsWith('gemma') && name.endsWith('norm.weight')) return { shape: values.shape, data: values.data.map((value) => value + 1) };
  return values;
}

/** The largest difference in shares of the largest wanted value; infinite where shapes differ. */
export function relativeError(got: Values | undefined, want: Values): number {
  if (got === undefined || got.shape.join() !== want.shape.join()) return Infinity;
  let [largest, worst] = [0, 0];
  want.data.forEach((value, i) => {
    largest = Math.max(largest, Math.abs(value));
    worst = Math.max(worst, Math.abs((got.data[i] ?? Number.NaN) - value));
  });
  return worst / largest;
}
