/** Sizes of the presets on a GGUF file, from the types that llama.cpp gives each tensor. */

import { planSizes, readGguf } from 'tara-gguf';
import type { PresetRule, PresetSize } from './presets.js';

export interface ModelSizes {
  /** The file itself. */
  readonly bytes: number;
  readonly sizes: readonly PresetSize[];
}

/** Throws what readGguf and planSizes throw. */
export async function sizesOf(path: string, rules: readonly PresetRule[], signal: AbortSignal): Promise<ModelSizes> {
  const { size } = await readGguf(path, { signal });
  const wanted = new Set(rules.map(({ name }) => name));
  const sizes = await planSizes(path);
  return { bytes: size, sizes: sizes.filter(({ preset }) => wanted.has(preset)) };
}
