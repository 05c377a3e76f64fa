/** One answer as it comes, from whoever gives it: a model, or emotion and router before one. */
import type { Chunk, GenerationResult, TokenLogprob, Usage } from '../../engine/index.js';

export type AnswerEvent =
  | { readonly type: 'text'; readonly text: string; readonly logprobs?: readonly TokenLogprob[] | undefined }
  | { readonly type: 'end'; readonly finishReason: 'stop' | 'length'; readonly usage: Usage; readonly generation: GenerationResult | undefined };

export const NO_USAGE: Usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0 };

export const textEvent = ({ text, logprobs }: Chunk): AnswerEvent => ({ type: 'text', text, logprobs });

export const endEvent = (generation: GenerationResult | undefined): AnswerEvent => ({
  type: 'end', finishReason: generation?.finishReason === 'length' ? 'length' : 'stop', usage: generation?.usage ?? NO_USAGE, generation,
});
