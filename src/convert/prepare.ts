/** A pool task: plans a conversion and lowers it, away from the event loop (vocabularies are megabytes of JSON). */
import { lower, printPlan, type Lowered } from '../plan/index.js';
import type { PoolTask } from '../workers/index.js';
import { planConvert, type ConvertInput } from './plan-convert.js';

export interface PrepareInput {
  readonly input: ConvertInput;
  /** Also return the plan as text, for --dry-run. */
  readonly print: boolean;
}

export interface Prepared {
  readonly lowered: Lowered;
  readonly printed: string | null;
}

const prepare: PoolTask<PrepareInput, Prepared> = async ({ input, print }, { check }) => {
  const planned = await planConvert(input);
  check();
  return { lowered: await lower(planned), printed: print ? printPlan(planned.plan) : null };
};

export default prepare;
