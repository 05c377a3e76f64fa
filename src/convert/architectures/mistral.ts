/** Mistral 7B and its kin: Llama's blocks under Llama's name, with other numbers where the configuration says none. The sliding window is not part of GGUF's llama. */
import { unlessNull } from './common.js';
import type { Architecture } from './description.js';
import { llama } from './llama.js';

export const mistral: Architecture = {
  ...llama,
  huggingFace: ['MistralForCausalLM'],
  assumed: (given) => ({
    ...llama.assumed(given),
    intermediate_size: 14336,
    max_position_embeddings: 131072,
    ...unlessNull(given, { num_key_value_heads: 8 }),
  }),
};
