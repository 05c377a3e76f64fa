/** Adapters whose factors RegMean has rewritten: how their files say so. */
import { TaraError } from '../../errors.js';
import { isJsonObject } from '../../formats/json.js';
import type { Adapter } from '../../formats/peft/adapter.js';
import { REGMEAN_NEEDS } from './merge.js';

/** In the metadata of a rewritten adapter's weights: the names of its new lora_A tensors, as a JSON object's keys. */
export const REWRITTEN = 'tara.regmean';

/** The rewritten lora_A tensors of an adapter. Throws TARA_OPTION_INVALID for one that never was. */
export function rewrittenFactors({ weights: { metadata } }: Adapter): ReadonlySet<string> {
  const text = Object.hasOwn(metadata, REWRITTEN) ? metadata[REWRITTEN] : undefined;
  let names: unknown;
  try {
    names = text === undefined ? undefined : JSON.parse(text);
  } catch {
    names = undefined;
  }
  if (!isJsonObject(names)) {
    throw new TaraError('TARA_OPTION_INVALID', { option: 'merge.method', reason: REGMEAN_NEEDS });
  }
  return new Set(Object.keys(names));
}
