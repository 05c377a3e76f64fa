/**
 * The architectures that can be converted, one file each. Adding one is adding its file to this list, or naming its
 * module in a plugin. Imports: errors, plan, zod, convert's own files.
 */
import { TaraError } from '../../errors.js';
import { oneLine } from '../../formats/one-line.js';
import { bert } from './bert.js';
import type { Architecture } from './description.js';
import { gemma2 } from './gemma2.js';
import { gemma3 } from './gemma3.js';
import { gpt2 } from './gpt2.js';
import { llama } from './llama.js';
import { mistral } from './mistral.js';
import { phi3 } from './phi3.js';
import { qwen2 } from './qwen2.js';
import { qwen3 } from './qwen3.js';

export type { Architecture, ComputedTensor, Dims, Surroundings, TensorRule, TokenizerKind } from './description.js';

export const ARCHITECTURES: readonly Architecture[] = [llama, mistral, qwen2, qwen3, gemma2, gemma3, phi3, gpt2, bert];

/** The architecture of a checkpoint by the name in its config.json. Throws TARA_ARCHITECTURE_UNKNOWN. */
export function architectureByHuggingFace(path: string, name: string | undefined, all: readonly Architecture[] = ARCHITECTURES): Architecture {
  const found = all.find((architecture) => name !== undefined && architecture.huggingFace.includes(name));
  if (found) return found;
  const known = all.flatMap((architecture) => architecture.huggingFace).join(', ');
  throw new TaraError('TARA_ARCHITECTURE_UNKNOWN', { path, architecture: oneLine(name ?? '(none named)'), known });
}

/** The architecture of a GGUF file, where its tensor names and row orders are known. */
export const architectureByGguf = (name: string | undefined, all: readonly Architecture[] = ARCHITECTURES): Architecture | undefined =>
  all.find((architecture) => architecture.name === name);

/** A tensor's or module's name as the rules spell it. */
export const canonicalName = ({ renamed = [] }: Architecture, name: string): string =>
  renamed.reduce((spelled, [pattern, replacement]) => spelled.replace(pattern, replacement), name);
