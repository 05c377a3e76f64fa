/** The decision: hard rules, the parts of the score, and who wins. No input or output; everything it needs is given. */

import type { Crisis, DomainCandidate, DomainScore, EmotionAnalysis } from 'tara-gguf/plugin';
import type { RouterConfig } from './config.js';
import type { Exclusion, Explained, Rule } from './explained.js';
import { calibrated } from './fit/isotonic.js';
import { logitsOf, softmax, type Signals } from './score/content.js';
import type { CustomScores } from './score/extra.js';
import type { Fits, Reading } from './score/fitted.js';
import { clamp, effectiveWeights, emotionScore, measured, measurementsOf, tempered, type Part } from './score/parts.js';
import type { KeywordMatches } from './table/keywords.js';
import type { Nearest } from './table/nearest.js';
import type { Table } from './table/table.js';
import type { Query } from './text/query.js';

const CRISIS_CONFIDENCE = 0.95;
/** What a clear follow-up adds to the logit of the last domain, and a user's affinity to those of others. */
const FOLLOW_UP = 8;
const AFFINITY = 1;
const NO_CRISIS: Crisis = { level: 'none', reasons: [] };
const KEYWORDS_SHOWN = 8;
const CONTENDERS_MOST = 3;
/** So many domains, those with the best content, are scored and recorded: a record of a thousand costs more than the decision. */
const RECORDED = 64;

/** What the user asked before. */
export interface Past {
  readonly lastDomain: string | null;
  /** 0..1, how clearly the message goes on with it. */
  readonly followUp: number;
  /** Share of the user's messages by domain. */
  readonly affinity: ReadonlyMap<string, number>;
}

export const NO_PAST: Past = { lastDomain: null, followUp: 0, affinity: new Map() };

export interface Evidence {
  readonly text: string;
  readonly table: Table;
  readonly fits: Fits;
  readonly reading: Reading;
  readonly query: Query;
  readonly signals: Signals;
  readonly keywords: KeywordMatches;
  readonly nearest: Nearest;
  readonly analysis: EmotionAnalysis | null;
  readonly past: Past;
  readonly points: ReadonlyMap<string, number>;
  readonly custom: CustomScores;
}

interface Scored {
  readonly candidate: DomainCandidate;
  readonly at: number;
  readonly logit: number;
  readonly score: DomainScore;
}

/** Candidates that the hard rules leave, and why the others are out. */
export function admit(candidates: readonly DomainCandidate[], query: Query, config: RouterConfig, requires: readonly string[]): { readonly admitted: readonly DomainCandidate[]; readonly excluded: Readonly<Record<string, Exclusion>> } {
  const excluded = new Map<string, Exclusion>();
  const named = [...new Map(candidates.map((candidate) => [candidate.name, candidate])).values()];
  const admitted = named.filter(({ name, healthy, quality, contextSize, capabilities }) => {
    if (healthy === false) excluded.set(name, 'unhealthy');
    else if (measured(quality) && quality < config.minQuality) excluded.set(name, 'quality');
    else if (measured(contextSize) && contextSize < query.contextTokens) excluded.set(name, 'context');
    else if (requires.some((capability) => !(capabilities ?? []).includes(capability))) excluded.set(name, 'capability');
    return !excluded.has(name);
  });
  return { admitted, excluded: Object.fromEntries(excluded) };
}

/** Additions to the logits by what the user asked before. */
function recalled(past: Past, table: Table): ReadonlyMap<number, number> {
  const extra = new Map<number, number>();
  const add = (name: string, value: number) => {
    const at = table.index.get(name);
    if (at !== undefined && value > 0) extra.set(at, (extra.get(at) ?? 0) + value);
  };
  for (const [name, share] of past.affinity) add(name, AFFINITY * share);
  if (past.lastDomain !== null) add(past.lastDomain, FOLLOW_UP * past.followUp);
  return extra;
}

export function decide(evidence: Evidence, candidates: readonly DomainCandidate[], config: RouterConfig, requires: readonly string[]): Omit<Explained, 'cache' | 'milliseconds'> {
  const { text, table, fits, reading, query, signals, analysis, past, points, custom } = evidence;
  const { model, calibration } = fits[reading];
  const crisis = analysis?.crisis ?? NO_CRISIS;
  const { admitted, excluded } = admit(candidates, query, config, requires);
  const among = admitted.map(({ name }) => table.index.get(name) ?? -1);
  const logits = logitsOf(signals, model, among, recalled(past, table));
  const shares = softmax(logits);
  const none = shares[among.length] ?? 1;
  let strongest = 0;
  for (let i = 0; i < among.length; i += 1) strongest = Math.max(strongest, shares[i] ?? 0);

  const measurements = measurementsOf(admitted, query.urgency);
  const weights = effectiveWeights(config.weights, new Set<Part>(['content', ...(analysis === null ? [] : ['emotion' as const]), ...measurements.present]));
  const least = admitted.length > RECORDED ? (logits.slice(0, among.length).sort()[among.length - RECORDED] ?? 0) : Number.NEGATIVE_INFINITY;
  const inPlay = ({ name }: DomainCandidate, i: number) => (logits[i] ?? 0) >= least || points.has(name) || custom.scores.has(name) || name === config.crisisDomain;
  const ranked = admitted
    .flatMap((candidate, i) => (inPlay(candidate, i) ? [{ candidate, i }] : []))
    .map(({ candidate, i }): Scored => {
      const content = shares[i] ?? 0;
      const moves = (part: number) => tempered(part, content, strongest);
      const at = among[i] ?? -1;
      const parts = { content, emotion: moves(emotionScore(table.domains[at]?.character ?? {}, analysis)), speed: moves(measurements.speed(candidate)), quality: moves(measurements.quality(candidate)) };
      const own = (Object.keys(parts) as Part[]).reduce((sum, part) => sum + parts[part] * weights[part], 0) + config.hookWeight * (points.get(candidate.name) ?? 0);
      return { candidate, at, logit: logits[i] ?? 0, score: { total: clamp(custom.scores.get(candidate.name) ?? own), ...parts } };
    })
    .sort((a, b) => b.score.total - a.score.total || b.logit - a.logit || (a.candidate.name < b.candidate.name ? -1 : 1));

  const best = ranked[0];
  const sheltered = crisis.level === 'acute' ? ranked.find(({ candidate }) => candidate.name === config.crisisDomain) : undefined;
  const confidenceOf = (share: number) => clamp(calibrated(calibration, share));
  const [rule, winner] = chosen();
  const contest = winner?.score.content ?? none;
  const recorded = winner === undefined || ranked.indexOf(winner) < RECORDED ? ranked.slice(0, RECORDED) : [winner, ...ranked.slice(0, RECORDED - 1)];
  return {
    text,
    domain: winner?.candidate.name ?? 'none',
    confidence: rule === 'crisis' ? CRISIS_CONFIDENCE : rule === 'no-candidates' ? 0 : confidenceOf(contest),
    scores: Object.fromEntries(recorded.map(({ candidate, score }) => [candidate.name, score])),
    fallback: ranked.find((other) => other !== winner)?.candidate.name ?? null,
    contenders: rule === 'score' || rule === 'follow-up' ? ranked.filter((other) => other === winner || other.score.content >= config.contenders * contest).slice(0, CONTENDERS_MOST).map(({ candidate }) => candidate.name) : [],
    crisis,
    rule,
    weights,
    excluded,
    none,
    query,
    reading,
    customFailure: custom.failure,
    table: table.version,
    explanations: Object.fromEntries(recorded.map((scored) => [scored.candidate.name, explain(scored)])),
  };

  function chosen(): readonly [Rule, Scored | undefined] {
    if (best === undefined) return ['no-candidates', undefined];
    if (sheltered !== undefined) return ['crisis', sheltered];
    // Points and custom scores may lift a domain whose content is weak: they speak for it themselves.
    const spoken = Math.max(best.score.content, custom.scores.get(best.candidate.name) ?? 0, best.score.content + config.hookWeight * (points.get(best.candidate.name) ?? 0));
    const threshold = table.domains[best.at]?.threshold ?? config.threshold;
    if (spoken < threshold || none > spoken) return ['none', undefined];
    if (confidenceOf(best.score.content) < config.minConfidence) return ['low-confidence', undefined];
    return [past.followUp > 0 && best.candidate.name === past.lastDomain ? 'follow-up' : 'score', best];
  }

  function explain({ candidate: { name }, at }: Scored): Explained['explanations'][string] {
    const row = evidence.nearest.rows[at] ?? -1;
    return {
      keywords: (evidence.keywords.found.get(at) ?? []).slice(0, KEYWORDS_SHOWN).map(({ term }) => term),
      nearest: row < 0 ? null : (table.utterances[row] ?? null),
      similarity: evidence.nearest.values[at] ?? 0,
      points: points.get(name) ?? 0,
      custom: custom.scores.get(name) ?? null,
      affinity: past.affinity.get(name) ?? 0,
    };
  }
}
