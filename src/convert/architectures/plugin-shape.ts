/** What the architecture of a plugin must look like. */
import { z } from 'zod';

const callable = z.custom<(...given: never[]) => unknown>((value) => typeof value === 'function', 'must be a function');
const pattern = z.instanceof(RegExp);
const name = z.string().min(1);

const rule = z.strictObject({
  from: name,
  to: name,
  shape: z.array(name).min(1).max(4),
  transposed: z.boolean().optional(),
  plus: z.number().optional(),
  ropeHeads: name.optional(),
  needed: z.enum(['always', 'untied', 'never']).optional(),
  bias: z.boolean().optional(),
}).refine(({ transposed, shape }) => transposed !== true || shape.length === 2, 'only a matrix can be transposed');

export const description = z.strictObject({
  name,
  huggingFace: z.array(name).min(1),
  assumed: callable,
  dims: callable,
  layers: callable,
  renamed: z.array(z.tuple([pattern, z.string()])).optional(),
  tensors: z.array(rule).min(1),
  ignored: z.array(pattern).optional(),
  computed: callable.optional(),
  leading: callable.optional(),
  metadata: callable,
  tokenizers: z.array(z.enum(['llama', 'sentencepiece', 'gemma', 'phi3', 'bpe', 'wordpiece'])).min(1),
});
