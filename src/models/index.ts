/**
 * Leases on loaded models: who asks for the same file shares one model, and what nobody uses is unloaded when
 * memory is wanted. May import engine, formats and errors.
 */
export { domainLoss, readLossItems, type DomainLoss, type LossItem } from './loss.js';
export { createModelStore, type Lease, type ModelStore, type ModelStoreOptions } from './store.js';
