/** A pool task: plans a GGUF LoRA and lowers it. */
import { lower } from '../../plan/lower.js';
import { printPlan } from '../../plan/print.js';
import type { PoolTask } from '../../workers/index.js';
import { planLora, type LoraInput } from './lora.js';
import type { Prepared } from '../prepare.js';

export interface PrepareLoraInput {
  readonly input: LoraInput;
  /** Also return the plan, as text and as data, for --dry-run. */
  readonly print: boolean;
}

export interface PreparedLora extends Prepared {
  /** The scale to load it with. */
  readonly scale: number;
}

const prepareLora: PoolTask<PrepareLoraInput, PreparedLora> = async ({ input, print }, { check }) => {
  const planned = await planLora(input);
  check();
  const { plan, scale } = planned;
  return { lowered: await lower(planned), printed: print ? printPlan(plan) : null, plan: print ? plan : null, planned: null, scale };
};

export default prepareLora;
