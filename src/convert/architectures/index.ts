/** The architectures that can be converted. Adding one is adding its file to this list. Imports: errors, plan, convert's own files. */
import { TaraError } from '../../errors.js';
import type { Architecture } from './description.js';
import { llama } from './llama.js';

export type { Architecture, ComputedTensor, Dims, TensorRule } from './description.js';

export const ARCHITECTURES: readonly Architecture[] = [llama];

/** The architecture of a checkpoint by the name in its config.json. Throws TARA_ARCHITECTURE_UNKNOWN. */
export function architectureByHuggingFace(path: string, name: string | undefined): Architecture {
  const found = ARCHITECTURES.find((architecture) => name !== undefined && architecture.huggingFace.includes(name));
  if (found) return found;
  const known = ARCHITECTURES.flatMap((architecture) => architecture.huggingFace).join(', ');
  throw new TaraError('TARA_ARCHITECTURE_UNKNOWN', { path, architecture: name ?? '(none named)', known });
}

/** The architecture of a GGUF file, where its tensor names and row orders are known. */
export const architectureByGguf = (name: string | undefined): Architecture | undefined =>
  ARCHITECTURES.find((architecture) => architecture.name === name);
