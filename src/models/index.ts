/**
 * Loaded models: leases, so that who asks for the same file shares one model and what nobody uses is unloaded when
 * memory is wanted; and a model's mean token loss on a domain's own lines. May import engine, formats and errors.
 */
export { domainLoss, readLossItems, type DomainLoss, type LossItem } from './loss.js';
export { createModelStore, type Lease, type ModelStore, type ModelStoreOptions } from './store.js';
