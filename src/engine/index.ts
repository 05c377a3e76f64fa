/**
 * Engine: the typed face of the native addon. It loads models and answers from them; jobs, loader and native are the
 * addon's plumbing, which plan and measure use too. May import errors, write-whole, formats and the package's location.
 */
export { createEngine } from './engine.js';
export { checkChatTemplate } from './template-check.js';
export { ChatTemplate, CHATML, type TemplateInput } from './chat-template.js';
export type {
  ChatMessage, ChatTemplateOptions, Chunk, DryOptions, EmbedOptions, Embeddings, Engine, GenerateOptions, Generation, GenerationResult, LoadOptions, Model, ModelInfo, ModelStats, SavedState,
  SaveStateOptions, Score, ScoreOptions, SpecialToken, Timings, TokenCandidate, TokenizeOptions, TokenLogprob, Tool, ToolCall, Usage, XtcOptions,
} from './types.js';
