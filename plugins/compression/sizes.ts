/** Sizes of the presets on a GGUF file: exact from the core where it offers planSizes, else estimated from the tensors. */

import { readGguf } from 'tara-gguf';
import { TaraError } from 'tara-gguf/plugin';
import { z } from 'zod';
import { estimateSize, type PresetRule, type PresetSize } from './presets.js';

export interface ModelSizes {
  /** The file itself. */
  readonly bytes: number;
  readonly exact: boolean;
  readonly sizes: readonly PresetSize[];
}

const counted = z.union([z.record(z.string(), z.number()), z.array(z.string()).transform((names) => names.reduce<Record<string, number>>((counts, name) => ({ ...counts, [name]: (counts[name] ?? 0) + 1 }), {}))]);
const coreSizes = z.array(z.object({ preset: z.string(), bytes: z.number().positive(), bitsPerWeight: z.number().positive(), types: counted }));

/** The core's own computation, or null where this core has none. */
async function askCore(path: string): Promise<readonly PresetSize[] | null> {
  const core: object = await import('tara-gguf');
  const planSizes: unknown = Reflect.get(core, 'planSizes');
  if (typeof planSizes !== 'function') return null;
  const parsed = coreSizes.safeParse(await (planSizes as (path: string) => Promise<unknown>)(path));
  if (!parsed.success) throw new TaraError('TARA_INTERNAL', { reason: 'planSizes answered in another form' });
  return parsed.data;
}

/** Throws what readGguf throws. */
export async function sizesOf(path: string, rules: readonly PresetRule[], signal: AbortSignal): Promise<ModelSizes> {
  const file = await readGguf(path, { signal });
  const exact = await askCore(path);
  const tensors = file.tensors.map(({ name, ne, type }) => ({ name, ne, type }));
  const wanted = new Set(rules.map(({ name }) => name));
  return { bytes: file.size, exact: exact !== null, sizes: exact?.filter(({ preset }) => wanted.has(preset)) ?? rules.map((rule) => estimateSize(rule, tensors)) };
}
