/**
 * The piscina pool: JavaScript that would hold up the event loop (large JSON, vocabularies) runs here.
 * It owns no model. Imports errors and the package's location only.
 */
export { createPool, inlinePool, sharedPool, type Pool, type PoolTask, type TaskContext } from './pool.js';
