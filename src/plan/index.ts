/**
 * Plans: what a model transformation reads, does and writes, as plain data; parsed, printed, sized,
 * lowered and run. May import errors, write-whole, src/formats and src/engine/jobs.ts.
 * parse.ts, for plans from outside, stands apart: it loads zod, which takes longer than planning a small model.
 */
export * from './format.js';
export * from './layout.js';
export * from './lower.js';
export * from './order.js';
export * from './presets.js';
export * from './print.js';
export * from './run.js';
export type * from './schema.js';
export * from './size.js';
