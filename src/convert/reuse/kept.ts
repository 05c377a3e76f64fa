/** Which tensors a folder of earlier ones keeps. */
import type { GgmlTypeName } from '../../formats/gguf/types.js';
import type { Lowered } from '../../plan/lower.js';

/**
 * Types that ggml searches for at 260 ns a value and more; all others take less than 30, about what reading, hashing and
 * writing them takes (docs/plan.md).
 */
const SLOW: ReadonlySet<GgmlTypeName> = new Set(['iq1_s', 'iq1_m', 'iq2_xxs', 'iq2_xs', 'iq2_s', 'iq3_xxs', 'iq3_s']);

export const isKept = (type: GgmlTypeName): boolean => SLOW.has(type);

/** What a plan's outputs add to the folder at most. */
export const keptBytes = ({ outputs }: Lowered): number =>
  outputs.reduce((sum, { path, tensors }) => sum + (path === null ? 0 : tensors.reduce((bytes, tensor) => bytes + (isKept(tensor.type) ? tensor.bytes : 0), 0)), 0);
