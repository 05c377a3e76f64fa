/**
 * Train: the typed face of native/train, and distillation on top of it: texts, soft labels, the loop, what is shipped and what
 * it is worth. May import benchmark, measure, convert, plan, models, engine, formats, workers, errors, read-error and write-whole.
 */
export { checkTrainable, TRAINABLE_ARCHITECTURES } from './architecture.js';
export { distil, planDistil } from './distil.js';
export { residualLora, type ResidualOptions, type ResidualReport } from './residual.js';
export { TRAINABLE_PARTS, type DistilOptions, type DistilReport, type Speeds, type TrainablePart } from './types.js';
export type { Worth } from './verdict.js';
