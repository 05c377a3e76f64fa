/** Which of several domains' answers stands for all: the medoid, or the one that most gave. */
import type { Embedder } from '../kernel/capabilities/index.js';

export interface DomainAnswer {
  readonly domain: string;
  readonly text: string;
}

export interface Agreement {
  /** Whose answer it is. */
  readonly domain: string;
  /** All that were asked and answered, the router's first choice first. */
  readonly asked: readonly string[];
  /** `medoid`: nearest to the others by sentence embedding; `vote`: given by most; `only`: nobody else answered. */
  readonly method: 'medoid' | 'vote' | 'only';
  /** Mean similarity of the chosen answer to the others, or the share of those who gave it; 0..1. */
  readonly agreement: number;
}

const normalise = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ').trim();
const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);

/** Of equal ones the first. Needs one answer at least. Embeddings that fail are voted instead. */
export async function agree(answers: readonly DomainAnswer[], embedder: Embedder | undefined): Promise<Agreement> {
  const asked = answers.map(({ domain }) => domain);
  const choose = (method: Agreement['method'], scores: readonly number[]): Agreement => {
    const best = Math.max(...scores);
    return { domain: asked[scores.indexOf(best)] ?? '', asked, method, agreement: Math.max(0, Math.min(1, best)) };
  };
  if (answers.length === 1) return choose('only', [1]);
  const vectors = await embedder?.embed(answers.map(({ text }) => text)).catch(() => undefined);
  if (vectors !== undefined) {
    return choose('medoid', vectors.map((own, i) => vectors.reduce((sum, other, j) => sum + (i === j ? 0 : dot(own, other)), 0) / (vectors.length - 1)));
  }
  const texts = answers.map(({ text }) => normalise(text));
  return choose('vote', texts.map((own) => texts.filter((other) => other === own).length / texts.length));
}
