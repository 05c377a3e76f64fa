/** How fast an answer came, as llama-server tells it. */
import { z } from 'zod';
import type { GenerationResult } from '../../engine/index.js';

export const timingsSchema = z.object({
  cache_n: z.int(), prompt_n: z.int(), prompt_ms: z.number(), prompt_per_second: z.number(), predicted_n: z.int(), predicted_ms: z.number(), predicted_per_second: z.number(),
});

/** Of the first answer that a model gave; none where a plugin answered. */
export function timingsBody(generations: readonly (GenerationResult | undefined)[]): { timings?: z.infer<typeof timingsSchema> } {
  const generation = generations.find((one) => one !== undefined);
  if (generation === undefined) return {};
  const { usage, timings } = generation;
  return {
    timings: {
      cache_n: usage.cachedTokens, prompt_n: usage.promptTokens - usage.cachedTokens, prompt_ms: timings.promptMs, prompt_per_second: timings.promptTokensPerSecond,
      predicted_n: usage.completionTokens, predicted_ms: timings.decodeMs, predicted_per_second: timings.decodeTokensPerSecond,
    },
  };
}
