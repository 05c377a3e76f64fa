/**
 * The capabilities: what the core asks of plugins (the embedder: what plugins ask of the core). Interfaces and
 * tokens only, a file each; the core has a plain fallback for each. At most one plugin provides a capability. Every method is asynchronous,
 * so that an implementation can load its heavy half at the first call. Sizes are bytes, times
 * seconds, paths absolute or relative to the working directory; methods fail with a TaraError.
 */
import { cleaner } from './cleaner.js';
import { compressor } from './compressor.js';
import { deployer } from './deployer.js';
import { emotion } from './emotion.js';
import { router } from './router.js';

export type { OnProgress } from './progress.js';
export * from './cleaner.js';
export * from './emotion.js';
export * from './embedder.js';
export * from './router.js';
export * from './deployer.js';
export * from './compressor.js';

/** The capabilities the core asks for, by name. */
export const CAPABILITIES = { compressor, cleaner, router, emotion, deployer } as const;
