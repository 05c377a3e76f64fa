/** A plan from unknown JSON. */
import { TaraError } from '../errors.js';
import { type Plan, planSchema } from './schema.js';

/** Throws TARA_PLAN_INVALID with the path of the first fault. */
export function parsePlan(value: unknown): Plan {
  const result = planSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue === undefined || issue.path.length === 0 ? 'plan' : issue.path.map(String).join('.');
  throw new TaraError('TARA_PLAN_INVALID', { reason: `${path}: ${issue?.message ?? 'not a plan'}` });
}
