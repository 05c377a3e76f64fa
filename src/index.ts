/**
 * tara-gguf's public API. Importing it loads nothing native: the addon loads with the first model or plan.
 * Plugin authors import 'tara-gguf/plugin', tests of plugins 'tara-gguf/testing'.
 */
export { TaraError, ERRORS, isErrorCode, type ErrorCode, type ErrorEntry, type ErrorFields } from './errors.js';
export { createTara, createTaraEngine, type QuantizeOptions, type Tara, type TaraEngine, type TaraOptions } from './tara.js';
export { checkChatTemplate } from './engine/index.js';
export type {
  Chunk, DryOptions, EmbedOptions, Embeddings, Engine, GenerateOptions, Generation, GenerationResult, LoadOptions, Model, ModelInfo, ModelStats, SavedState, SaveStateOptions, Timings, TokenCandidate, TokenLogprob, Usage, XtcOptions,
} from './engine/index.js';
export { convert, planSizes, readVocabulary, type Pruning, type Vocabulary, type PresetBytes, type ConvertInput, type ConvertOptions, type ConvertReport, type OwnTypes, type TensorTypePattern } from './convert/index.js';
export { measureTypes, type MeasuredTensor, type MeasureTypesOptions, type TypeLoss } from './convert/index.js';
export * from './formats/index.js';
export { scanFiles, syncFileSystem, type ScanFile, type ScannedFile, type ScanOptions, type ScanTensor } from './scan/index.js';
export { definePlugin } from './kernel/plugin.js';
export type { BuildReport } from './phases/build/build.js';
export type { BuildOptions } from './phases/build/inputs.js';
export type { Phases, PhaseView } from './phases/phases.js';
export { pluginDatabases, registryAccess, type PluginDatabase, type PluginDatabases, type RegistryAccess } from './phases/service.js';
export { agree, createAnswerCache, createChat, type Agreement, type AnswerCache, type Answered, type Chat, type ChatEvent, type ChatRequest, type ChatServices, type DomainLease } from './chat/index.js';
export {
  ChannelMoments, collectFeedback, collectImatrix, createYardstick, evaluate, expectedTokens, sequencesOf, type ChannelLayer, type Narrowed, type NarrowingRequest, type Against, type CollectInput, type CompareOptions, type Comparison,
  type EvaluateOptions, type Evaluation, type FeedbackInput, type ImatrixOptions, type ImatrixReport, type KlDivergence, type Perplexity, type Yardstick, type YardstickOptions,
} from './measure/index.js';
export { distil, residualLora, TRAINABLE_ARCHITECTURES, type DistilOptions, type DistilReport, type ResidualOptions, type ResidualReport } from './train/index.js';
export {
  bitsPerByte, createBalancer, createModelStore, readLossItems, replicasOf, servedDomains, servedIn, textBits, type BalancedLease, type Balancer, type BalancerOptions, type Lease, type LossItem, type ModelStore, type Replica, type ReplicaState, type Served, type ServedFile,
  type TextBits,
} from './models/index.js';
export { benchmark, paretoFront, planBenchmark, writeReport, type Benchmark, type BenchmarkOptions, type BenchmarkReference, type BenchmarkRow, type BenchmarkTensor, type Candidate, type CandidateFile, type Speed } from './benchmark/index.js';
export { sharedPool, type Pool, type PoolTask, type TaskContext } from './workers/index.js';
export type { Build, BuildFile, Checklist, ChecklistItem, ChecklistVerdict, Domain, Phase, Waiver } from './phases/types.js';
