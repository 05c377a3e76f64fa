/** The domains of a merge and the text that the merge may look at. */
import type { Model } from '../../engine/index.js';
import { TaraError } from '../../errors.js';
import { lossTokens, readLossItems } from '../../models/index.js';

export interface MergeDomain {
  readonly name: string;
  /** The adapter's folder. */
  readonly dir: string;
  /** Lines of the domain that the choice may look at: .jsonl or text. */
  readonly calibration: string;
}

/** Tokens of a domain that are looked at. */
const MOST_TOKENS = 1280;

/** Puts neighbours of a list far apart: sorted files give every part of themselves. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Sequences from all over the domain's calibration text. Throws TARA_CONFIG_INVALID where there are none. */
export async function calibrationTokens(model: Model, { calibration }: MergeDomain, signal: AbortSignal | undefined): Promise<Int32Array[]> {
  const items = (await readLossItems(calibration)).map((item, index) => ({ item, place: (index * GOLDEN) % 1 })).sort((a, b) => a.place - b.place);
  const sequences: Int32Array[] = [];
  let tokens = 0;
  for (const { item } of items) {
    if (tokens >= MOST_TOKENS) break;
    for (const sequence of await lossTokens(model, [item], { signal })) {
      sequences.push(sequence);
      tokens += sequence.length;
    }
  }
  if (tokens === 0) throw new TaraError('TARA_CONFIG_INVALID', { path: calibration, reason: 'no tokens to measure on' });
  return sequences;
}
