/** What is asked of each server and library: eight streams at once, and one. A peer streams from prompt ids: { firstTokenMs, tokens }. */
import { median } from '../lib.mjs';

export const [STREAMS, PROMPT, TOKENS, SINGLE] = [8, 56, 64, 128];

export const TEXT = 'Write a long story about a ship that sails north past the ice, the crew it carries and what they find there. '.repeat(8);

/** A text of its own for every stream: nothing is shared. */
const promptOf = (ids, index) => ids.slice(1 + index, 1 + index + PROMPT);

/** Tokens a second of all streams together, and the median stream's first token. */
export async function eight(peer, ids) {
  const started = performance.now();
  const streams = await Promise.all(Array.from({ length: STREAMS }, (_, index) => peer.stream(promptOf(ids, index), TOKENS)));
  const seconds = (performance.now() - started) / 1000;
  for (const { tokens } of streams) if (tokens !== TOKENS) throw new Error(`a stream of ${tokens} tokens instead of ${TOKENS}`);
  return { tokensPerSecond: (STREAMS * TOKENS) / seconds, firstTokenMs: median(streams.map(({ firstTokenMs }) => firstTokenMs)) };
}

/** Tokens a second from the first token on. */
export async function single(peer, ids) {
  const started = performance.now();
  const { firstTokenMs } = await peer.stream(promptOf(ids, 0), SINGLE);
  return { tokensPerSecond: (1000 * (SINGLE - 1)) / (performance.now() - started - firstTokenMs) };
}
