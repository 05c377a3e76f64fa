/** A pool task: lowers a plan. */
import { lower, type Lowered } from '../../plan/lower.js';
import type { PlanWithBlobs } from '../../plan/schema.js';
import type { PoolTask } from '../../workers/index.js';

const task: PoolTask<PlanWithBlobs, Lowered> = (planned) => lower(planned);

export default task;
