/** Factors for error feedback in a plan: which tensors are rounded with them. */
import { TaraError } from '../errors.js';
import { readFeedback, takesFeedback } from '../formats/feedback.js';
import type { GgmlTypeName } from '../formats/gguf/types.js';
import type { PlanSource, TensorRef } from '../plan/schema.js';
import { pinned } from './source.js';

export interface Feedback {
  readonly source: PlanSource;
  /** Throws TARA_FEEDBACK_INVALID where it is of another model than that of these tensors. */
  check(tensors: readonly Shaped[]): void;
  /** A tensor's factor; undefined for tensors that the file does not know. */
  factor(name: string, ne: readonly number[]): TensorRef | undefined;
  /** What a tensor written as `type` takes of it; nothing for types that are rounded as they come. */
  of(name: string, ne: readonly number[], type: GgmlTypeName): { feedback?: TensorRef };
}

interface Shaped {
  readonly name: string;
  readonly ne: readonly number[];
}

/** Its source in the plan. */
export const FEEDBACK = 'feedback';
/** Types whose columns have a code each, and so few levels that their errors count. */
const TYPES: ReadonlySet<GgmlTypeName> = new Set(['q4_0', 'q4_1', 'q5_0', 'q5_1', 'iq4_nl', 'q2_k', 'q3_k', 'q4_k', 'q5_k', 'q6_k', 'iq4_xs']);

/** Throws what reading it throws. */
export async function loadFeedback(path: string): Promise<Feedback> {
  const { file, factors } = await readFeedback(path);
  const factor: Feedback['factor'] = (name, ne) => {
    const found = factors.get(name);
    return found !== undefined && found.size === ne[0] && takesFeedback({ ne }) ? { src: FEEDBACK, tensor: found.tensor } : undefined;
  };
  return {
    source: pinned('safetensors', file),
    check(tensors) {
      const known = new Map(tensors.map(({ name, ne }) => [name, ne[0]]));
      for (const [name, { size }] of factors) {
        if (known.get(name) !== size) throw new TaraError('TARA_FEEDBACK_INVALID', { path, reason: `${name} is none of the model's weights, or has another width: it is of another model` });
      }
    },
    factor,
    of(name, ne, type) {
      const found = TYPES.has(type) ? factor(name, ne) : undefined;
      return found === undefined ? {} : { feedback: found };
    },
  };
}
