/** Every error, as OpenAI's clients read it. */
import { z } from 'zod';

export const errorSchema = z.object({
  error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string() }),
});
