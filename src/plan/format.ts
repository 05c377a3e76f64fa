/** The version of the plan format; apart from the schema, so that who only makes plans need not load what checks foreign ones. */
export const PLAN_FORMAT = 1;
