/** The decision record: what --explain prints and what the bus is told. Types, and the event's name. */

import type { DomainScore, RouteDecision } from 'tara-gguf/plugin';
import type { Part } from './score/parts.js';
import type { Reading } from './score/fitted.js';
import type { Query } from './text/query.js';

/** `crisis`, `no-candidates` and `low-confidence` are hard rules; `follow-up`: the user's last domain goes on; `none`: nothing fits; `score`: the best total. */
export type Rule = 'crisis' | 'none' | 'score' | 'follow-up' | 'low-confidence' | 'no-candidates';

export type Exclusion = 'unhealthy' | 'quality' | 'context' | 'capability';

/** How one domain came to its score. */
export interface Explanation {
  readonly keywords: readonly string[];
  readonly nearest: string | null;
  /** To its nearest examples: cosines, -1..1. */
  readonly similarity: number;
  /** Points of the hook route:score, -1..1. */
  readonly points: number;
  /** The custom scoring function's, null where it said nothing. */
  readonly custom: number | null;
  /** Share of the user's earlier messages, 0..1. */
  readonly affinity: number;
}

export interface Explained extends RouteDecision {
  readonly rule: Rule;
  readonly explanations: Readonly<Record<string, Explanation>>;
  /** The weights after signals that are missing were taken out; they sum to 1. */
  readonly weights: Readonly<Record<Part, number>>;
  /** Domains that hard rules took out, with the rule. */
  readonly excluded: Readonly<Record<string, Exclusion>>;
  /** Probability that no candidate fits, by content alone. */
  readonly none: number;
  readonly query: Query;
  /** What examples were compared by. */
  readonly reading: Reading;
  /** Why the custom scoring function was left out; null otherwise. */
  readonly customFailure: string | null;
  readonly cache: 'hit' | 'miss' | 'off';
  /** Version of the domain table. */
  readonly table: string;
  readonly milliseconds: number;
}

/** In the form of an OpenTelemetry span: attributes are numbers and names, never the user's text. */
export interface RouteEvent {
  readonly name: 'route.decision';
  readonly startTimeUnixMs: number;
  readonly durationMs: number;
  readonly attributes: Readonly<Record<`route.${string}`, string | number | boolean>>;
}

declare module 'tara-gguf/plugin' {
  interface Events {
    'route:decided': RouteEvent;
  }
}

export function eventOf(decision: Explained): RouteEvent {
  const best: DomainScore | undefined = decision.scores[decision.domain];
  return {
    name: 'route.decision',
    startTimeUnixMs: Date.now() - decision.milliseconds,
    durationMs: decision.milliseconds,
    attributes: {
      'route.domain': decision.domain, 'route.rule': decision.rule, 'route.confidence': decision.confidence, 'route.fallback': decision.fallback ?? '',
      'route.score': best?.total ?? 0, 'route.none': decision.none, 'route.reading': decision.reading, 'route.cache': decision.cache, 'route.crisis': decision.crisis.level,
      'route.candidates': Object.keys(decision.scores).length, 'route.excluded': Object.keys(decision.excluded).length, 'route.urgency': decision.query.urgency, 'route.table': decision.table,
    },
  };
}
