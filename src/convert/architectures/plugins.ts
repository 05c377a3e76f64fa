/** Architectures that plugins add: modules whose default export is one, imported where conversions are planned. */
import { TaraError } from '../../errors.js';
import { oneLine } from '../../formats/one-line.js';
import { ARCHITECTURES } from './index.js';
import type { Architecture } from './description.js';

async function checked(module: string, value: unknown): Promise<Architecture> {
  // zod takes a tenth of a second to load, and few conversions have a plugin.
  const { description } = await import('./plugin-shape.js');
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
    return await checked(module, ((await import(module)) as { readonly default?: unknown }).default);
  } catch (thrown) {
    if (thrown instanceof TaraError) throw thrown;
    throw new TaraError('TARA_ARCHITECTURE_INVALID', { module, reason: oneLine(thrown instanceof Error ? thrown.message : String(thrown)) }, { cause: thrown });
  }
}

/** The built-in architectures and those in `modules`, file: URLs. Throws TARA_ARCHITECTURE_INVALID naming the module. */
export const knownArchitectures = async (modules: readonly string[] = []): Promise<readonly Architecture[]> =>
  [...ARCHITECTURES, ...(await Promise.all(modules.map(load)))];
