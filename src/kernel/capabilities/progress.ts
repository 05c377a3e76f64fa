/** Progress of a long call: `fraction` in 0..1, or null when the end is unknown. */
export type OnProgress = (fraction: number | null, detail?: string) => void;
