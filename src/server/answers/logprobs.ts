/** Log-probabilities in the two forms of OpenAI. */
import type { TokenCandidate, TokenLogprob } from '../../engine/index.js';
import type { ChatLogprobs } from '../schemas/chat.js';
import type { CompletionLogprobs } from '../schemas/completion.js';

/** JSON knows no infinity: what OpenAI gives for a token that cannot come. */
const IMPOSSIBLE = -9999;

const candidate = ({ text, logprob, bytes }: TokenCandidate) => ({ token: text, logprob: logprob ?? IMPOSSIBLE, bytes: [...bytes] });

export const chatLogprobs = (tokens: readonly TokenLogprob[]): ChatLogprobs => ({
  content: tokens.map((token) => ({ ...candidate(token), top_logprobs: token.top.map(candidate) })),
});

/** `offset`: UTF-16 units of the answer before the first of these tokens. */
export function completionLogprobs(tokens: readonly TokenLogprob[], offset = 0): CompletionLogprobs {
  let at = offset;
  return {
    tokens: tokens.map(({ text }) => text),
    token_logprobs: tokens.map(({ logprob }) => logprob ?? IMPOSSIBLE),
    top_logprobs: tokens.map(({ top }) => Object.fromEntries(top.map(({ text, logprob }) => [text, logprob ?? IMPOSSIBLE]))),
    text_offset: tokens.map(({ text }) => {
      const start = at;
      at += text.length;
      return start;
    }),
  };
}
