/** Architectures that plugins add: modules whose default export is one, imported where conversions are planned. */
import { z } from 'zod';
import { TaraError } from '../../errors.js';
import { oneLine } from '../../formats/one-line.js';
import { ARCHITECTURES } from './index.js';
import type { Architecture } from './description.js';

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

const description = z.strictObject({
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

function checked(module: string, value: unknown): Architecture {
  const invalid = (reason: string): TaraError => new TaraError('TARA_ARCHITECTURE_INVALID', { module, reason: oneLine(reason) });
  const parsed = description.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid([issue?.path.join('.'), issue?.message].filter(Boolean).join(': '));
  }
  const architecture = value as Architecture;
  const taken = architecture.huggingFace.find((own) => ARCHITECTURES.some(({ huggingFace }) => huggingFace.includes(own)));
  if (taken !== undefined) throw invalid(`${taken} is built in`);
  return architecture;
}

async function load(module: string): Promise<Architecture> {
  try {
    if (!module.startsWith('file:')) throw new TypeError('it must be named by a file: URL');
    return checked(module, ((await import(module)) as { readonly default?: unknown }).default);
  } catch (thrown) {
    if (thrown instanceof TaraError) throw thrown;
    throw new TaraError('TARA_ARCHITECTURE_INVALID', { module, reason: oneLine(thrown instanceof Error ? thrown.message : String(thrown)) }, { cause: thrown });
  }
}

/** The built-in architectures and those in `modules`, file: URLs. Throws TARA_ARCHITECTURE_INVALID naming the module. */
export const knownArchitectures = async (modules: readonly string[] = []): Promise<readonly Architecture[]> =>
  [...ARCHITECTURES, ...(await Promise.all(modules.map(load)))];
