/** What of a machine's memory a model may take. */

/** The rest is for everything else. */
export const MEMORY_SHARE = 0.8;

export const withinMemory = (memory: number | null): number => (memory === null ? Infinity : memory * MEMORY_SHARE);
