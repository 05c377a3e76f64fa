/** What the tensor names of an adapter say, in every spelling that PEFT has used. */

export type AdapterTensorName =
  /** A factor of a module's delta; an embedding's are stored as bare parameters, without `.weight`. */
  | { readonly kind: 'factor'; readonly module: string; readonly side: 'a' | 'b'; readonly embedding: boolean }
  /** DoRA's magnitudes: a parameter of its own up to PEFT 0.10, the weight of a layer since, saved in both forms. */
  | { readonly kind: 'magnitude'; readonly module: string }
  /** lora_bias: the bias of a module's B. */
  | { readonly kind: 'factorBias'; readonly module: string }
  /** A tensor that takes the place of the base's: modules_to_save, trained biases. */
  | { readonly kind: 'saved'; readonly name: string }
  /** The base's own weight, which PEFT saves beside the factors of an embedding and some tools beside a trained copy. */
  | { readonly kind: 'original' }
  | { readonly kind: 'foreign'; readonly field: string; readonly reason: string };

const PREFIX = 'base_model.model.';

/** `.default` between a factor and its suffix is the adapter's name; PEFT leaves it out when it saves. */
const FACTOR = /^(.+)\.lora_([AB])(?:\.[^.]+)?\.(weight|bias)$/;
const EMBEDDING = /^(.+)\.lora_embedding_([AB])(?:\.[^.]+)?$/;
const MAGNITUDE = /^(.+)\.lora_magnitude_vector(?:\.[^.]+)?(?:\.weight)?$/;
const SAVED = /^(.+)\.modules_to_save(?:\.[^.]+(?=\.))?\.(.+)$/;

const sideOf = (letter: string | undefined): 'a' | 'b' => (letter === 'A' ? 'a' : 'b');

export function adapterTensorName(full: string): AdapterTensorName {
  const name = full.startsWith(PREFIX) ? full.slice(PREFIX.length) : full;
  const factor = FACTOR.exec(name);
  if (factor) {
    const [, module = '', side, suffix] = factor;
    if (suffix === 'weight') return { kind: 'factor', module, side: sideOf(side), embedding: false };
    return side === 'B' ? { kind: 'factorBias', module } : { kind: 'foreign', field: `tensor ${name}`, reason: 'it is no LoRA factor' };
  }
  const embedding = EMBEDDING.exec(name);
  if (embedding) return { kind: 'factor', module: embedding[1] ?? '', side: sideOf(embedding[2]), embedding: true };
  const magnitude = MAGNITUDE.exec(name);
  if (magnitude) return { kind: 'magnitude', module: magnitude[1] ?? '' };
  if (name.includes('trainable_tokens_')) return { kind: 'foreign', field: 'trainable_token_indices', reason: `tensor ${name} replaces rows of the embedding` };
  if (name.includes('lora_')) return { kind: 'foreign', field: `tensor ${name}`, reason: 'it is no LoRA factor' };
  if (name.includes('.original_module.') || name.endsWith('.base_layer.weight')) return { kind: 'original' };
  const saved = SAVED.exec(name);
  return { kind: 'saved', name: saved ? `${saved[1]}.${saved[2]}` : name.replace('.base_layer.', '.') };
}
