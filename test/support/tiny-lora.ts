/** LoRAs for a chain model (tiny-model.ts): each makes it say another byte after a known one. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HeaderEntry } from '../../src/formats/index.js';
import { writeSafetensors } from '../convert/tiny.js';
import { bytesOf, writeGguf } from '../plan/synthetic.js';
import { byteToken, CHAIN_WIDTH, VOCABULARY_SIZE } from './tiny-model.js';

/** Far above the chain's own logit, half of it too. */
const STRENGTH = 5;

/** Factors of rank 1 on the head: after `from` comes `to`. A is [1, in], B is [out, 1]. */
export function turn(from: string, to: string): { a: Float32Array; b: Float32Array } {
  const a = new Float32Array(CHAIN_WIDTH);
  const b = new Float32Array(VOCABULARY_SIZE);
  a[byteToken(from.charCodeAt(0))] = 1;
  b[byteToken(to.charCodeAt(0))] = STRENGTH;
  return { a, b };
}

export const LORA_METADATA: readonly HeaderEntry[] = [
  { key: 'general.architecture', type: 'string', value: 'llama' },
  { key: 'general.type', type: 'string', value: 'adapter' },
  { key: 'adapter.type', type: 'string', value: 'lora' },
  { key: 'adapter.lora.alpha', type: 'float32', value: 1 },
];

/** A GGUF LoRA. */
export function writeTurnLora(path: string, from: string, to: string, metadata: readonly HeaderEntry[] = LORA_METADATA): Promise<string> {
  const { a, b } = turn(from, to);
  return writeGguf(path, metadata, [
    { name: 'output.weight.lora_a', ne: [CHAIN_WIDTH, 1], type: 'f32', bytes: bytesOf(a, 'f32') },
    { name: 'output.weight.lora_b', ne: [1, VOCABULARY_SIZE], type: 'f32', bytes: bytesOf(b, 'f32') },
  ]);
}

/** The same as a PEFT folder, with a magnitude vector as a DoRA. */
export function writeTurnAdapter(parent: string, name: string, from: string, to: string, { dora = false }: { dora?: boolean } = {}): string {
  const dir = join(parent, name);
  const { a, b } = turn(from, to);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'adapter_config.json'), JSON.stringify({
    peft_type: 'LORA', task_type: 'CAUSAL_LM', r: 1, lora_alpha: 1, target_modules: ['lm_head'], base_model_name_or_path: null, use_dora: dora,
  }));
  const at = 'base_model.model.lm_head.';
  writeSafetensors(join(dir, 'adapter_model.safetensors'), {
    [`${at}lora_A.weight`]: { shape: [1, CHAIN_WIDTH], values: a },
    [`${at}lora_B.weight`]: { shape: [VOCABULARY_SIZE, 1], values: b },
    ...(dora && { [`${at}lora_magnitude_vector.weight`]: { shape: [VOCABULARY_SIZE], values: new Float32Array(VOCABULARY_SIZE).fill(1) } }),
  });
  return dir;
}
