/**
 * Loaded models: leases, so that who asks for the same file shares one model and what nobody uses is unloaded when
 * memory is wanted; which replica of a model answers; which file of a build or a deployment target answers in a domain; a model's mean token loss on a domain's own lines; and the
 * embedder, which computes the vector of a text once. May import engine, formats, kernel, errors and read-error.
 */
export { createBalancer, replicasOf, type BalancedLease, type Balancer, type BalancerOptions, type Replica, type ReplicaState } from './balancer.js';
export { createEmbedder, type ModelSource } from './embedder.js';
export { LOSS_TOKENS, domainLoss, itemTokens, lossTokens, readLossItems, tokenLoss, type DomainLoss, type LossItem, type LossOptions } from './loss.js';
export { servedCandidates, servedDomains, servedIn, type Served, type ServedFile } from './served.js';
export { holdTarget, servedFiles, type Plugins } from './target.js';
export { createModelStore, type AcquireOptions, type Lease, type ModelStore, type ModelStoreOptions } from './store.js';
export { bitsPerByte, textBits, type TextBits } from './bits.js';
