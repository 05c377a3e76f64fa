/** The number of the plan format; a plan of another number is refused. */
export const PLAN_FORMAT = 1;
