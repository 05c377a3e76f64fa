/** The form of a shipped domain. */

import type { EmotionName } from 'tara-gguf/plugin';

export type Tier = 'strong' | 'medium' | 'weak';

export interface DomainData {
  readonly name: string;
  readonly description: string;
  /** Words and phrases by how much they say, separated by commas; `neuro*` is a beginning, `*itis` an ending. */
  readonly keywords: Readonly<Record<Tier, string>>;
  /** How well each emotion suits the domain, 0..1; 0.5 when absent. */
  readonly character: Readonly<Partial<Record<EmotionName, number>>>;
  /** Utterances as its users write them. */
  readonly examples: readonly string[];
}

/** One utterance a line. */
export const utterances = (lines: string): readonly string[] => lines.split('\n').filter((line) => line !== '');
