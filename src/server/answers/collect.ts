/** Whole answers, for responses that are no stream. */
import type { GenerationResult, TokenLogprob, Usage } from '../../engine/index.js';
import type { AnswerEvent } from './events.js';

export interface Collected {
  readonly text: string;
  readonly logprobs: readonly TokenLogprob[];
  readonly finishReason: 'stop' | 'length';
  readonly usage: Usage;
  readonly generation: GenerationResult | undefined;
}

async function collectOne(events: AsyncIterable<AnswerEvent>): Promise<Collected> {
  let text = '';
  const logprobs: TokenLogprob[] = [];
  for await (const event of events) {
    if (event.type === 'end') return { text, logprobs, finishReason: event.finishReason, usage: event.usage, generation: event.generation };
    text += event.text;
    logprobs.push(...event.logprobs ?? []);
  }
  throw new Error('an answer without an end');
}

export const collect = (choices: readonly AsyncIterable<AnswerEvent>[]): Promise<Collected[]> => Promise.all(choices.map(collectOne));
