/** A pool task: plans a conversion and lowers it, away from the event loop (vocabularies are megabytes of JSON). */
import { lower, type Lowered } from '../plan/lower.js';
import type { Plan, PlanWithBlobs } from '../plan/schema.js';
import type { PoolTask } from '../workers/index.js';
import { overwriting } from './entries.js';
import { planConvert, type ConvertInput } from './plan-convert.js';

export interface PrepareInput {
  readonly input: ConvertInput;
  /** Also return the plan, as text and as data, for --dry-run. */
  readonly print: boolean;
  /** Also return the plan with its bytes, for those who change it before it runs. */
  readonly keep?: boolean | undefined;
  /** The version of the tool, for what a merged file says of its origin; nothing is said without it. */
  readonly tool?: string | undefined;
}

export interface Prepared {
  readonly lowered: Lowered;
  readonly printed: string | null;
  readonly plan: Plan | null;
  readonly planned: PlanWithBlobs | null;
}

const prepare: PoolTask<PrepareInput, Prepared> = async ({ input, print, keep = false, tool }, context) => {
  const { plan: bare, blobs, read } = await planConvert(input);
  context.check();
  const merges = input.adapters.length > 0 || input.blend !== undefined;
  const origin = tool === undefined || !merges ? [] : await (await import('./provenance.js')).mergeProvenance(input, bare.sources, tool, context);
  const plan = { ...bare, metadata: overwriting([...bare.metadata, ...origin]) };
  return { lowered: await lower({ plan, blobs, read }), printed: print ? (await import('../plan/print.js')).printPlan(plan) : null, plan: print ? plan : null, planned: keep ? { plan, blobs } : null };
};

export default prepare;
