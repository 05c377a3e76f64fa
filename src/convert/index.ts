/**
 * Convert: Hugging Face checkpoints, GGUF files and PEFT adapters as plans, and those plans run. Describes
 * architectures and tokenizers. checkpoint/, gguf/ and adapters/ hold what is known of each kind of source; prune/ leaves parts of a model out; reuse/ keeps
 * quantized tensors for a next run.
 * May import formats, plan, workers, errors, write-whole.
 */
export { ARCHITECTURES, type Architecture } from './architectures/index.js';
export { contributeArchitectures } from './contributed.js';
export type { AdapterInput } from './adapters/adapters.js';
export { convert, convertLora, modelSizes, planSizes, prepareConversion, prepareLora, replacedTypes, runConversion, type ConvertedFile, type ReplacedType, type ConvertOptions, type ConvertReport, type LoraReport } from './convert.js';
export { planConvert, type ConvertInput, type ConvertOutput } from './plan-convert.js';
export type { Pruning } from './prune/pruning.js';
export { readVocabulary, type Vocabulary } from './prune/vocabulary.js';
export type { OwnTypes, TensorTypePattern } from './input.js';
export { measureTypes, type MeasuredTensor, type MeasureTypesOptions, type TypeLoss } from './measure-types.js';
export type { LoraInput } from './adapters/lora.js';
export { defaultWeight, MERGE_METHODS, mergeStep, REGMEAN_NEEDS, type MergeMethod, type MergeSettings } from './adapters/merge.js';
export type { BlendInput } from './blend.js';
export { linearFactors, type LinearFactor } from './adapters/regmean.js';
export { REWRITTEN } from './adapters/rewritten.js';
export type { Prepared } from './prepare.js';
export { keptBytes } from './reuse/kept.js';
export type { ReuseReport } from './reuse/reuse.js';
export { PLAIN_TYPES } from './types.js';
export type { ModelSizes, PresetBytes } from './sizes.js';
