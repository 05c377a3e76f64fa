/** Configuration of the compression plugin (`config.compression` in tara.config). */

import { z } from 'zod';

export const configSchema = z.strictObject({
  /** Presets that a budget or `recommend` may choose from; all that need no importance matrix when empty. */
  presets: z.array(z.string().min(1).max(32)).max(64).default([]),
});

export type CompressionConfig = z.infer<typeof configSchema>;
