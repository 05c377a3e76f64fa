/** A pool task: plans a conversion and lowers it, away from the event loop (vocabularies are megabytes of JSON). */
import { lower, type Lowered } from '../plan/lower.js';
import { printPlan } from '../plan/print.js';
import type { Plan } from '../plan/schema.js';
import type { PoolTask } from '../workers/index.js';
import { overwriting } from './entries.js';
import { planConvert, type ConvertInput } from './plan-convert.js';
import { mergeProvenance } from './provenance.js';

export interface PrepareInput {
  readonly input: ConvertInput;
  /** Also return the plan, as text and as data, for --dry-run. */
  readonly print: boolean;
  /** The version of the tool, for what a merged file says of its origin; nothing is said without it. */
  readonly tool?: string | undefined;
}

export interface Prepared {
  readonly lowered: Lowered;
  readonly printed: string | null;
  readonly plan: Plan | null;
}

const prepare: PoolTask<PrepareInput, Prepared> = async ({ input, print, tool }, context) => {
  const { plan: bare, blobs } = await planConvert(input);
  context.check();
  const origin = tool === undefined ? [] : await mergeProvenance(input, bare.sources, tool, context);
  const plan = { ...bare, metadata: overwriting([...bare.metadata, ...origin]) };
  return { lowered: await lower({ plan, blobs }), printed: print ? printPlan(plan) : null, plan: print ? plan : null };
};

export default prepare;
