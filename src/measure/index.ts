/**
 * Measure: the typed face of native/measure, what a model's insides look like on given texts, and how well it
 * predicts them. May import engine, models, formats, errors and read-error.
 */
export { checkVocabulary, evaluate, vocabularyOf } from './evaluate.js';
export type {
  Against, CompareOptions, Comparison, EvaluateOptions, Evaluation, KlDivergence, Perplexity, TextOptions, Yardstick, YardstickOptions,
} from './evaluate-types.js';
export { collectFeedback, type FeedbackInput } from './feedback.js';
export { collectImatrix, type CollectInput, type CollectOptions } from './imatrix.js';
export { imatrixFile, type ImatrixInput, type ImatrixOptions, type ImatrixReport } from './imatrix-file.js';
export { createYardstick } from './yardstick.js';
export { Fusion, type DomainReading, type FusedFactor, type FusedMatrix, type FusionFactor } from './fusion.js';
export { ChannelMoments, type ChannelLayer, type Narrowed, type NarrowingRequest } from './channels.js';
export { expectedTokens } from './expectation.js';
export { sequencesOf } from './imatrix-text.js';
