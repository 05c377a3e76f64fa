/** One second of the server's life. */
import { z } from 'zod';

const ms = z.number().nullable();

export const liveSecond = z.object({
  at: z.int(), requests: z.int(), errors: z.int(), generatedTokens: z.int(), promptTokens: z.int(), firstTokenMs: ms, interTokenMs: ms, queueMs: ms, active: z.int(), queued: z.int(),
});
