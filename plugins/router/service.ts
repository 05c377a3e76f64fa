/** The capability `router`: hard rules, the parts of the score, the decision and its record. */

import { emotion as emotionToken, hooks as hooksToken, type Crisis, type DomainCandidate, type DomainScore, type EmotionAnalysis, type PluginContext, type RouteDecision, type RouteOptions, type Router } from 'tara-gguf/plugin';
import type { RouterConfig } from './config.js';
import { scoreContent, type ContentScore } from './content.js';
import { vectorOf } from './similarity.js';
import { createTable, type Profile } from './table.js';
import { wordsOf } from './words.js';

/** Evidence for no domain counts this much against evidence for one. */
const NONE_WEIGHT = 0.7;
/** A tie, and what a signal says that moves nothing. */
const MIDDLE = 0.5;
/** Confidence of a domain: logistic in the best content and its lead, fitted on the development sets (docs/router.md). */
const CONFIDENCE = { base: -1.63, content: 2.74, lead: 3.97 };
/** Share of right answers among answers `none`, on the same sets. */
const NONE_CONFIDENCE = 0.55;
const CRISIS_CONFIDENCE = 0.95;

/** How one domain came to its score; what --explain prints. */
export interface Explanation {
  readonly keywords: readonly string[];
  readonly nearest: string | null;
  readonly similarity: number;
  /** Points of the hook route:score, -1..1. */
  readonly points: number;
}

export interface Explained extends RouteDecision {
  /** `crisis`, `none`, `score` or `no-candidates`. */
  readonly rule: 'crisis' | 'none' | 'score' | 'no-candidates';
  readonly explanations: Readonly<Record<string, Explanation>>;
  /** The weights after signals that are missing were taken out; they sum to 1. */
  readonly weights: Readonly<Record<Part, number>>;
  /** Domains that hard rules took out, with the rule. */
  readonly excluded: Readonly<Record<string, 'unhealthy' | 'quality'>>;
  readonly milliseconds: number;
}

export interface RouterService extends Router {
  route(text: string, options?: RouteOptions): Promise<Explained>;
}

type Part = 'content' | 'emotion' | 'speed' | 'quality';

interface Scored {
  readonly name: string;
  readonly score: DomainScore;
  readonly content: ContentScore;
  readonly points: number;
}

const NO_CRISIS: Crisis = { level: 'none', reasons: [] };
const clamp = (value: number): number => (Number.isFinite(value) ? Math.max(0, Math.min(1, value)) : 0);

/** Fit of the felt emotions to the domain's character, drawn to the middle by low intensity: neutral text moves nothing. */
export function emotionScore(profile: Profile, analysis: EmotionAnalysis): number {
  if (analysis.labels.length === 0) return MIDDLE;
  const felt = analysis.labels.map((label) => ({ fit: profile.character[label] ?? MIDDLE, weight: analysis.emotions[label] }));
  const total = felt.reduce((sum, { weight }) => sum + weight, 0);
  const fit = total > 0 ? felt.reduce((sum, item) => sum + item.fit * item.weight, 0) / total : MIDDLE;
  return clamp(MIDDLE + (fit - MIDDLE) * analysis.intensity);
}

/** The weights of the signals that are there, summing to 1; content alone when nothing else is left. */
export function effectiveWeights(weights: RouterConfig['weights'], present: ReadonlySet<Part>): Readonly<Record<Part, number>> {
  const kept = (Object.keys(weights) as Part[]).map((part) => [part, present.has(part) ? weights[part] : 0] as const);
  const total = kept.reduce((sum, [, weight]) => sum + weight, 0);
  if (total <= 0) return { content: 1, emotion: 0, speed: 0, quality: 0 };
  return Object.fromEntries(kept.map(([part, weight]) => [part, weight / total])) as Record<Part, number>;
}

const mean = (values: readonly number[]): number => (values.length === 0 ? MIDDLE : values.reduce((sum, value) => sum + value, 0) / values.length);
const measured = (value: number | undefined): value is number => value !== undefined && Number.isFinite(value) && value >= 0;

export function createRouter(config: RouterConfig, context: Pick<PluginContext, 'find' | 'log'>): RouterService {
  const table = createTable(config);
  const own: readonly DomainCandidate[] = table.names.map((name) => ({ name }));

  async function extraPoints(text: string, domains: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const caller = context.find(hooksToken);
    const points = new Map<string, number>();
    if (caller === undefined || !caller.has('route:score')) return points;
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), config.hookMs);
    try {
      const late = new Promise<readonly never[]>((resolve) => controller.signal.addEventListener('abort', () => resolve([]), { once: true }));
      // A handler that is late or throws costs its points, not the decision.
      const answers = await Promise.race([caller.parallel('route:score', { text, domains }, { signal: controller.signal }).catch(() => []), late]);
      if (controller.signal.aborted) context.log.warn('route:score took too long, its points are left out', { limitMs: config.hookMs });
      for (const answer of answers) {
        if ('error' in answer) context.log.warn('route:score failed', { by: answer.plugin, code: answer.error.code });
        else for (const domain of domains) if (Object.hasOwn(answer.value, domain)) points.set(domain, (points.get(domain) ?? 0) + Math.max(-1, Math.min(1, Number(answer.value[domain]) || 0)));
      }
      return new Map([...points].map(([domain, sum]) => [domain, Math.max(-1, Math.min(1, sum))]));
    } finally {
      clearTimeout(timer);
    }
  }

  async function analysisOf(text: string, given: EmotionAnalysis | undefined): Promise<EmotionAnalysis | null> {
    if (given !== undefined) return given;
    try {
      return (await context.find(emotionToken)?.analyze(text)) ?? null;
    } catch (thrown) {
      context.log.warn('routed without emotion', { reason: thrown instanceof Error ? thrown.message : String(thrown) });
      return null;
    }
  }

  return {
    async route(text, options = {}) {
      const begin = performance.now();
      const analysis = await analysisOf(text, options.emotion);
      const crisis = analysis?.crisis ?? NO_CRISIS;
      const given = [...new Map((options.candidates ?? own).map((candidate) => [candidate.name, candidate])).values()];
      const excluded: Record<string, 'unhealthy' | 'quality'> = {};
      const candidates = given.filter((candidate) => {
        if (candidate.healthy === false) excluded[candidate.name] = 'unhealthy';
        else if (measured(candidate.quality) && candidate.quality < config.minQuality) excluded[candidate.name] = 'quality';
        return !Object.hasOwn(excluded, candidate.name);
      });

      const points = await extraPoints(text, candidates.map(({ name }) => name));
      const words = wordsOf(text);
      const vector = vectorOf(words, table.idf);
      const speeds = candidates.map(({ tokensPerSecond }) => tokensPerSecond).filter(measured);
      const qualities = candidates.map(({ quality }) => quality).filter(measured);
      const fastest = Math.max(...speeds, Number.MIN_VALUE);
      const present = new Set<Part>(['content', ...(analysis === null ? [] : ['emotion' as const]), ...(speeds.length > 0 ? ['speed' as const] : []), ...(qualities.length > 0 ? ['quality' as const] : [])]);
      const weights = effectiveWeights(config.weights, present);

      const ranked = candidates
        .map((candidate): Scored => {
          const profile = table.profile(candidate);
          const content = scoreContent(profile, words, vector);
          const parts = {
            content: content.value,
            emotion: analysis === null ? MIDDLE : emotionScore(profile, analysis),
            // A domain nobody measured gets the mean of the others.
            speed: speeds.length === 0 ? MIDDLE : clamp((measured(candidate.tokensPerSecond) ? candidate.tokensPerSecond : mean(speeds)) / fastest),
            quality: qualities.length === 0 ? MIDDLE : clamp(measured(candidate.quality) ? candidate.quality : mean(qualities)),
          };
          const extra = points.get(candidate.name) ?? 0;
          const total = (Object.keys(parts) as Part[]).reduce((sum, part) => sum + parts[part] * weights[part], 0) + config.hookWeight * extra;
          return { name: candidate.name, content, points: extra, score: { total: clamp(total), ...parts } };
        })
        .sort((a, b) => b.score.total - a.score.total || b.content.evidence - a.content.evidence || (a.name < b.name ? -1 : 1));

      const best = ranked[0];
      const nothing = scoreContent(table.none, words, vector).evidence * NONE_WEIGHT;
      const strongest = ranked.reduce((most, { content, points: extra }) => Math.max(most, content.value + config.hookWeight * extra), 0);
      const fits = strongest >= config.threshold && 1 - Math.exp(-nothing) <= strongest;
      const sheltered = crisis.level === 'acute' ? ranked.find(({ name }) => name === config.crisisDomain) : undefined;

      const rule = best === undefined ? 'no-candidates' : sheltered !== undefined ? 'crisis' : fits ? 'score' : 'none';
      const winner = rule === 'crisis' ? sheltered : rule === 'score' ? best : undefined;
      const rivals = Math.max(1 - Math.exp(-nothing), ...ranked.filter((other) => other !== winner).map(({ content }) => content.value));
      const confidence = rule === 'crisis' ? CRISIS_CONFIDENCE : rule === 'no-candidates' ? 0 : winner === undefined ? NONE_CONFIDENCE : 1 / (1 + Math.exp(-(CONFIDENCE.base + CONFIDENCE.content * winner.content.value + CONFIDENCE.lead * (winner.content.value - rivals))));
      return {
        text,
        domain: winner?.name ?? 'none',
        confidence,
        scores: Object.fromEntries(ranked.map(({ name, score }) => [name, score])),
        fallback: ranked.find((other) => other !== winner)?.name ?? null,
        crisis,
        rule,
        weights,
        excluded,
        explanations: Object.fromEntries(ranked.map(({ name, content, points: extra }) => [name, { keywords: content.keywords, nearest: content.nearest, similarity: content.similarity, points: extra }])),
        milliseconds: performance.now() - begin,
      };
    },
  };
}
