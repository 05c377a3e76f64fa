/** From a user's moments to how the user has been: decayed means, stability, trend. Pure functions. */

import { EMOTIONS, type EmotionHistory, type EmotionName } from 'tara-gguf/plugin';

/** What is kept of one message: numbers, never its text. */
export interface Moment {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly dominant: EmotionName | 'neutral';
  /** Probability of each emotion, in the order of EMOTIONS. */
  readonly probabilities: readonly number[];
  readonly intensity: number;
  readonly valence: number;
}

const DAY = 86_400_000;
/** A slope over less time says nothing. */
const SHORTEST_SPAN = 3_600_000;
const round = (value: number) => Math.round(value * 1e4) / 1e4;
const clamp = (value: number, least: number, most: number) => Math.max(least, Math.min(most, value));

/** A moment counts half as much for every half-life that has passed since it until `now` (milliseconds). Without moments all is 0, stability 1. */
export function stateOf(moments: readonly Moment[], now: number, halfLife: number): EmotionHistory {
  const weights = moments.map(({ at }) => 0.5 ** (Math.max(0, now - at) / halfLife));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = (value: (moment: Moment) => number): number => (total > 0 ? moments.reduce((sum, moment, i) => sum + value(moment) * (weights[i] ?? 0), 0) / total : 0);
  const valence = mean((moment) => moment.valence);
  const middle = mean(({ at }) => (at - now) / DAY);
  const time = (moment: Moment) => (moment.at - now) / DAY - middle;
  const spread = mean((moment) => time(moment) ** 2);
  const covariance = mean((moment) => time(moment) * (moment.valence - valence));
  const times = moments.map(({ at }) => at);
  const span = times.length === 0 ? 0 : Math.max(...times) - Math.min(...times);
  return {
    messages: moments.length,
    emotions: Object.fromEntries(EMOTIONS.map((name, c) => [name, round(mean(({ probabilities }) => probabilities[c] ?? 0))])) as Record<EmotionName, number>,
    valence: round(valence),
    stability: round(clamp(1 - Math.sqrt(mean((moment) => (moment.valence - valence) ** 2)), 0, 1)),
    trend: round(span < SHORTEST_SPAN || spread === 0 ? 0 : clamp(covariance / spread, -1, 1)),
  };
}
