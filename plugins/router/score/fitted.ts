/** What the scores are weighed with: shipped values, made by `npm run bench -- router --fit`, or those of route-fit in the state folder. */

import { readFile } from 'node:fs/promises';
import { readError, TaraError } from 'tara-gguf/plugin';
import { z } from 'zod';
import type { Fitted } from '../fit/fit.js';
import { SHIPPED } from './shipped.js';

/** `embedding`: nearest examples by sentence vectors; `ngrams`: by words. */
export type Reading = 'embedding' | 'ngrams';

export type Fits = Readonly<Record<Reading, Fitted>>;

const fittedSchema = z.strictObject({
  model: z.strictObject({ similarity: z.number().min(0), keywords: z.number().min(0), none: z.number(), doubt: z.number() }),
  calibration: z.array(z.tuple([z.number().min(0).max(1), z.number().min(0).max(1)])).max(100),
});

export const fitsSchema = z.strictObject({ format: z.literal(1), embedding: fittedSchema.optional(), ngrams: fittedSchema.optional() });

/** The file of route-fit over the shipped values. TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, TARA_CONFIG_INVALID. */
export async function readFits(path: string): Promise<Fits> {
  const text = await readFile(path, 'utf8').catch((thrown: unknown) => { throw readError(path, thrown); });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TaraError('TARA_CONFIG_INVALID', { path, reason: 'not JSON' }, { cause });
  }
  const parsed = fitsSchema.safeParse(value);
  if (!parsed.success) throw new TaraError('TARA_CONFIG_INVALID', { path, reason: `${parsed.error.issues[0]?.path.join('.') ?? ''}: ${parsed.error.issues[0]?.message ?? ''}` });
  return { embedding: parsed.data.embedding ?? SHIPPED.embedding, ngrams: parsed.data.ngrams ?? SHIPPED.ngrams };
}
