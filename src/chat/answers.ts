/**
 * What models answered before, to be said again to the same prompt. Router, emotion and plugins still run each time: all they decide
 * reaches an answer through the model and the prompt, which are the key, so no change of theirs leaves a stale answer behind.
 */
import { createHash } from 'node:crypto';
import type { GenerateOptions, GenerationResult } from '../engine/index.js';
import type { ChatMessage } from '../kernel/hook-table.js';
import { createLru, type Lru, type LruOptions } from '../lru.js';

/** Of all users: the same prompt to the same model has the same answer. */
export type AnswerCache = Lru<GenerationResult>;

/** 512 answers, each for ten minutes, when nothing else is said. */
export const createAnswerCache = ({ entries = 512, ttlMs = 600_000, now }: Partial<LruOptions> = {}): AnswerCache => createLru({ entries, ttlMs, ...(now && { now }) });

/** Whether the same prompt is answered alike again: greedy, or with a seed. */
export const repeatable = ({ temperature, seed }: GenerateOptions = {}): boolean => temperature === 0 || seed !== undefined;

/** What is kept of an answer is its text: log-probabilities of its tokens are not. */
export const keepable = ({ logprobs }: GenerateOptions = {}): boolean => logprobs === undefined;

/** Texts are alike without the spaces around them; those inside may be code. Numbers that JSON lacks are named. */
const plain = (_key: string, value: unknown): unknown => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value);

/** No text is kept in a key, only its digest. */
export function answerKey(model: string, messages: readonly ChatMessage[], generate: GenerateOptions): string {
  const said = messages.map((message) => ({ ...message, content: message.content.normalize('NFC').trim() }));
  const options = Object.entries({ ...generate, signal: undefined }).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify([model, said, options], plain)).digest('base64');
}
