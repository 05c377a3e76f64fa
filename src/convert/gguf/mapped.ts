/** A tensor of the result before types are chosen: what the file holds, or the head that adapters parted from the embedding. */
import type { PlanStep, TensorType } from '../../plan/schema.js';

export interface Mapped {
  readonly name: string;
  readonly ne: readonly number[];
  readonly type: TensorType;
  readonly steps: PlanStep[];
}
