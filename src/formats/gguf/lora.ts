/**
 * What llama.cpp v0.5.0 assumes of a GGUF LoRA and aborts without (llama-adapter.cpp, build_lora_mm, build_inp_embd):
 * checked here against the base that it goes on, because a failed assertion there ends the process.
 */
import { TaraError } from '../../errors.js';
import { type GgufFile, type GgufTensor, metadataOf } from './file.js';
import type { GgmlTypeName } from './types.js';
import { oneLine } from '../one-line.js';

/** What converters write. */
const FACTOR_TYPES: ReadonlySet<GgmlTypeName> = new Set<GgmlTypeName>(['f32', 'f16', 'bf16', 'q8_0']);
const MOST_TENSORS = 1 << 14;
const MOST_KEYS = 1 << 13;
const EMBEDDING = 'token_embd.weight';

interface Factors {
  a?: GgufTensor;
  b?: GgufTensor;
}

const side = (tensor: GgufTensor | undefined, at: number): number => tensor?.ne[at] ?? 1;

/** The two factors of each adapted tensor. Norms, which some converters add and llama.cpp leaves out, are no factors. */
function factorsOf(file: GgufFile, refuse: (reason: string) => TaraError): Map<string, Factors> {
  const found = new Map<string, Factors>();
  for (const tensor of file.tensors) {
    const match = /^(.+)\.lora_([ab])$/.exec(tensor.name);
    if (!match && !tensor.name.endsWith('_norm.weight')) throw refuse(`tensor ${tensor.name} is no factor of a LoRA`);
    if (!match) continue;
    if (!FACTOR_TYPES.has(tensor.type)) throw refuse(`tensor ${tensor.name} is of type ${tensor.type}; ${[...FACTOR_TYPES].join(', ')} are taken`);
    const name = match[1] ?? '';
    found.set(name, { ...found.get(name), [match[2] ?? '']: tensor });
  }
  if (found.size === 0) throw refuse('it has no factors');
  return found;
}

/** Throws TARA_GGUF_INVALID for a file that is no usable LoRA, TARA_ADAPTER_MISMATCH for one that does not fit `base`. */
export function checkGgufLora(file: GgufFile, base: GgufFile): void {
  const refuse = (reason: string) => new TaraError('TARA_GGUF_INVALID', { path: file.path, reason: oneLine(reason) });
  const mismatch = (reason: string) => new TaraError('TARA_ADAPTER_MISMATCH', { path: file.path, reason: oneLine(reason) });
  const metadata = metadataOf(file);
  if (metadata.string('general.type') !== 'adapter' || metadata.string('adapter.type') !== 'lora') throw refuse('it is no LoRA adapter');
  const alpha = file.metadata.find(({ key }) => key === 'adapter.lora.alpha');
  if (alpha !== undefined && (alpha.type !== 'float32' || !Number.isFinite(alpha.value))) throw refuse('adapter.lora.alpha is no float32 number');
  if (metadata.get('adapter.alora.invocation_tokens') !== undefined) throw refuse('it is an activated LoRA, which begins at a token of its own; such are not supported');
  if (file.metadata.length > MOST_KEYS || file.tensors.length > MOST_TENSORS) throw refuse(`it has ${file.metadata.length} keys and ${file.tensors.length} tensors`);
  const [mine, theirs] = [metadata.string('general.architecture'), metadataOf(base).string('general.architecture')];
  if (mine !== theirs) throw mismatch(`it is for the architecture ${mine ?? 'unknown'}, the base is ${theirs ?? 'unknown'}`);

  const tensors = new Map(base.tensors.map((tensor) => [tensor.name, tensor]));
  for (const [name, { a, b }] of factorsOf(file, refuse)) {
    const weight = tensors.get(name);
    if (!a || !b) throw refuse(`tensor ${name} has one factor of two`);
    if (!weight) throw mismatch(`it adapts ${name}, which the base does not have`);
    // A tied head is the embedding under the same name, where the factors of an embedding have the wrong orientation.
    if (name === EMBEDDING && !tensors.has('output.weight')) throw mismatch('it adapts the embedding of a model whose head is tied to it');
    if (weight.type === 'nvfp4') throw mismatch(`it adapts ${name}, which is of type nvfp4 in the base`);
    const fits = name === EMBEDDING
      ? side(a, 1) === side(weight, 1) && side(b, 1) === side(weight, 0) && side(a, 0) === side(b, 0)
      : side(a, 0) === side(weight, 0) && side(b, 1) === side(weight, 1) && side(a, 1) === side(b, 0);
    const stacked = [2, 3].every((at) => side(a, at) === side(weight, at) && side(b, at) === side(weight, at));
    if (!fits || !stacked) throw mismatch(`${name} is [${weight.ne.join(', ')}] in the base, its factors are [${a.ne.join(', ')}] and [${b.ne.join(', ')}]`);
  }
}
