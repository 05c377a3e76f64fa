/** Options of a generation, checked, as native code takes them. */
import { TaraError } from '../errors.js';
import * as guard from './guard.js';
import { schemaText } from './json-schema.js';
import type { DryOptions, GenerateOptions, XtcOptions } from './types.js';

const SEED_LIMIT = 2 ** 32 - 2;
export const COUNT_LIMIT = 1 << 20;
/** Characters. */
const GRAMMAR_LIMIT = 1 << 18;
const WEEK_MS = 7 * 24 * 3600 * 1000;

const object = (option: string, value: unknown): object => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw guard.refuse(option, 'must be an object');
  return value;
};

function dryParams(value: DryOptions | undefined): object | undefined {
  if (value === undefined) return undefined;
  const { multiplier, base, allowedLength, lastN, sequenceBreakers } = object('dry', value) as Partial<DryOptions>;
  return {
    multiplier: guard.number('dry.multiplier', multiplier, 0, 1000) ?? 0,
    base: guard.number('dry.base', base, 1, 1000),
    allowedLength: guard.whole('dry.allowedLength', allowedLength, 0, COUNT_LIMIT),
    lastN: guard.whole('dry.lastN', lastN, -1, COUNT_LIMIT),
    sequenceBreakers: sequenceBreakers === undefined ? undefined : guard.stops('dry.sequenceBreakers', sequenceBreakers),
  };
}

function xtcParams(value: XtcOptions | undefined): object | undefined {
  if (value === undefined) return undefined;
  const { probability, threshold } = object('xtc', value) as Partial<XtcOptions>;
  return { probability: guard.number('xtc.probability', probability, 0, 1) ?? 0, threshold: guard.number('xtc.threshold', threshold, 0, 1) ?? 0.1 };
}

function formParams(options: GenerateOptions): { readonly grammar?: string; readonly jsonSchema?: string } {
  const { grammar, jsonSchema } = options;
  if (grammar !== undefined && jsonSchema !== undefined) throw guard.refuse('grammar', 'cannot be given together with jsonSchema');
  if (jsonSchema !== undefined) return { jsonSchema: schemaText(object('jsonSchema', jsonSchema)) };
  if (grammar === undefined) return {};
  if (guard.text('grammar', grammar).trim() === '') throw new TaraError('TARA_GRAMMAR_INVALID', { reason: 'it is empty' });
  if (grammar.length > GRAMMAR_LIMIT) throw new TaraError('TARA_GRAMMAR_INVALID', { reason: `more than ${GRAMMAR_LIMIT} characters` });
  return { grammar };
}

/** Throws TARA_OPTION_INVALID, TARA_GRAMMAR_INVALID, TARA_JSON_SCHEMA_UNSUPPORTED. */
export const generationParams = (options: GenerateOptions) => ({
  maxTokens: guard.whole('maxTokens', options.maxTokens, 1, COUNT_LIMIT),
  temperature: guard.number('temperature', options.temperature, 0, 100) ?? 0.8,
  topK: guard.whole('topK', options.topK, 0, 1e9),
  topP: guard.number('topP', options.topP, 0, 1),
  minP: guard.number('minP', options.minP, 0, 1),
  typicalP: guard.number('typicalP', options.typicalP, 0, 1),
  repeatPenalty: guard.number('repeatPenalty', options.repeatPenalty, 1e-3, 1000),
  repeatLastN: guard.whole('repeatLastN', options.repeatLastN, -1, COUNT_LIMIT),
  presencePenalty: guard.number('presencePenalty', options.presencePenalty, -1000, 1000),
  frequencyPenalty: guard.number('frequencyPenalty', options.frequencyPenalty, -1000, 1000),
  dry: dryParams(options.dry),
  xtc: xtcParams(options.xtc),
  logitBias: guard.logitBias('logitBias', options.logitBias),
  ignoreEos: guard.boolean('ignoreEos', options.ignoreEos),
  ...formParams(options),
  logprobs: guard.whole('logprobs', options.logprobs, 0, 20),
  seed: guard.whole('seed', options.seed, 0, SEED_LIMIT),
  stop: guard.stops('stop', options.stop),
  priority: guard.whole('priority', options.priority, -10, 10),
  queueTimeoutMs: guard.number('queueTimeoutMs', options.queueTimeoutMs, 0, WEEK_MS),
  cachePrompt: guard.boolean('cachePrompt', options.cachePrompt),
  contextShift: guard.boolean('contextShift', options.contextShift),
});
