/** The other parts of a score: emotion, speed and quality, and the weights of all four. */

import type { DomainCandidate, EmotionAnalysis } from 'tara-gguf/plugin';
import type { RouterConfig } from '../config.js';
import type { DomainSource } from '../table/table.js';

export type Part = 'content' | 'emotion' | 'speed' | 'quality';

/** A tie, and what a signal says that moves nothing. */
export const MIDDLE = 0.5;
/** Share of its speed that counts for a question without any hurry. */
const CALM = 0.4;

export const clamp = (value: number): number => (Number.isFinite(value) ? Math.max(0, Math.min(1, value)) : 0);
export const measured = (value: number | undefined): value is number => value !== undefined && Number.isFinite(value) && value >= 0;
const mean = (values: readonly number[]): number => (values.length === 0 ? MIDDLE : values.reduce((sum, value) => sum + value, 0) / values.length);

/** Fit of the felt emotions to the domain's character, drawn to the middle by low intensity: neutral text moves nothing. */
export function emotionScore(character: DomainSource['character'], analysis: EmotionAnalysis | null): number {
  if (analysis === null || analysis.labels.length === 0) return MIDDLE;
  const felt = analysis.labels.map((label) => ({ fit: character[label] ?? MIDDLE, weight: analysis.emotions[label] }));
  const total = felt.reduce((sum, { weight }) => sum + weight, 0);
  const fit = total > 0 ? felt.reduce((sum, item) => sum + item.fit * item.weight, 0) / total : MIDDLE;
  return clamp(MIDDLE + (fit - MIDDLE) * analysis.intensity);
}

/** Tokens a second that one more request would get, behind those that wait. */
const expected = ({ tokensPerSecond, queue }: DomainCandidate): number | undefined =>
  measured(tokensPerSecond) ? tokensPerSecond / (1 + (measured(queue) ? queue : 0)) : undefined;

export interface Measurements {
  readonly present: ReadonlySet<Part>;
  /** 0..1 */
  speed(candidate: DomainCandidate): number;
  /** 0..1 */
  quality(candidate: DomainCandidate): number;
}

/** Speed and quality of candidates against each other; one that nobody measured gets the mean of the others. Speed counts in full when it is urgent. */
export function measurementsOf(candidates: readonly DomainCandidate[], urgency: number): Measurements {
  const speeds = candidates.map(expected).filter(measured);
  const qualities = candidates.map(({ quality }) => quality).filter(measured);
  const fastest = speeds.reduce((most, speed) => Math.max(most, speed), Number.MIN_VALUE);
  return {
    present: new Set<Part>([...(speeds.length > 0 ? ['speed' as const] : []), ...(qualities.length > 0 ? ['quality' as const] : [])]),
    speed: (candidate) => (speeds.length === 0 ? MIDDLE : clamp(MIDDLE + ((expected(candidate) ?? mean(speeds)) / fastest - MIDDLE) * (CALM + (1 - CALM) * urgency))),
    quality: (candidate) => (qualities.length === 0 ? MIDDLE : clamp(measured(candidate.quality) ? candidate.quality : mean(qualities))),
  };
}

/** The weights of the signals that are there, summing to 1; content alone when nothing else is left. */
export function effectiveWeights(weights: RouterConfig['weights'], present: ReadonlySet<Part>): Readonly<Record<Part, number>> {
  const kept = (Object.keys(weights) as Part[]).map((part) => [part, present.has(part) ? weights[part] : 0] as const);
  const total = kept.reduce((sum, [, weight]) => sum + weight, 0);
  if (total <= 0) return { content: 1, emotion: 0, speed: 0, quality: 0 };
  return Object.fromEntries(kept.map(([part, weight]) => [part, weight / total])) as Record<Part, number>;
}

/** The other parts move a domain only as far as its content fits, against the one that fits best: a fast stranger stays a stranger. */
export const tempered = (part: number, content: number, best: number): number => MIDDLE + (part - MIDDLE) * (best > 0 ? content / best : 0);
