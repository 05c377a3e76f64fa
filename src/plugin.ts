/**
 * What plugin authors import as 'tara-gguf/plugin': the contract, tokens, capabilities and errors.
 * Loads nothing native and no library beside Node's own. May import kernel's contract files, lru.ts, read-error.ts, write-whole.ts and errors, and types of what plugins contribute.
 */

export * from './kernel/plugin.js';
export * from './kernel/hook-table.js';
export * from './kernel/command.js';
export { textsOf } from './kernel/command-texts.js';
export * from './kernel/capabilities/index.js';
export * from './kernel/services.js';
export { createCapability, createToken, type Token, type Use } from './kernel/tokens.js';
export { KERNEL_VERSION, PLUGIN_API_VERSION } from './kernel/version.js';
export { createLru, type CacheStats, type Lru, type LruOptions } from './lru.js';
export type { Architecture } from './convert/architectures/description.js';
export { readError } from './read-error.js';
export { isTemporary, replaceBy, syncFolder, writeError, writeWhole, type WriteWholeOptions } from './write-whole.js';
export { TaraError, asTaraError, type ErrorCode, type ErrorFields } from './errors.js';
