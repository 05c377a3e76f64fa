/**
 * Measure: the typed face of native/measure, what a model's insides look like on given texts, and how well it
 * predicts them. May import engine, models, formats and errors.
 */
export { evaluate } from './evaluate.js';
export type {
  Against, CompareOptions, Comparison, EvaluateOptions, Evaluation, KlDivergence, Perplexity, TextOptions, Yardstick, YardstickOptions,
} from './evaluate-types.js';
export { collectFeedback, type FeedbackInput } from './feedback.js';
export { collectImatrix, type CollectInput, type CollectOptions } from './imatrix.js';
export { imatrixFile, type ImatrixInput, type ImatrixOptions, type ImatrixReport } from './imatrix-file.js';
export { createYardstick } from './yardstick.js';
export { Fusion, type DomainReading, type FusedFactor, type FusedMatrix, type FusionFactor } from './fusion.js';
