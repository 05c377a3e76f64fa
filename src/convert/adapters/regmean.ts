/** Which of an adapter's factors RegMean can rewrite. */
import type { Plan } from '../../plan/schema.js';
import { EMBEDDING } from './adapters.js';

export interface LinearFactor {
  /** GGUF name of the weight that is changed. */
  readonly target: string;
  /** lora_A's name in the adapter's file. */
  readonly a: string;
  readonly size: number;
}

/**
 * The factors of a plan's only adapter that RegMean rewrites: a plain LoRA's on a matrix that inputs are multiplied with.
 * DoRA's row lengths, embeddings and tensors trained whole are no such products.
 */
export function linearFactors({ tensors }: Plan): LinearFactor[] {
  return tensors.flatMap(({ name, ne, steps }) => {
    const [delta, ...more] = steps.filter((step) => step.op === 'delta');
    const [term, second] = delta?.terms ?? [];
    if (more.length > 0 || term === undefined || second !== undefined || !('a' in term) || term.magnitude !== undefined || term.transposed === true) return [];
    return name === EMBEDDING ? [] : [{ target: name, a: term.a.tensor, size: ne[0] ?? 0 }];
  });
}
