/** How large a plan's outputs will be, to the byte, without touching weights. */
import { layout } from './layout.js';
import type { PlanWithBlobs } from './schema.js';

export interface OutputSize {
  readonly output: string;
  readonly bytes: number;
}

/** Throws TARA_PLAN_INVALID. */
export const planSize = (p: PlanWithBlobs): OutputSize[] => Object.keys(p.plan.outputs).map((output) => ({ output, bytes: layout(p, output).bytes }));
