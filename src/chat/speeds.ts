/** How fast each domain's model answers, and how many wait for it: what the router weighs against the urgency of a question. */
import type { DomainCandidate } from '../kernel/capabilities/index.js';

/** Weight of the newest answer in the mean. */
const NEWEST = 0.3;
/** Speeds are told in steps of this ratio, so that a decision can be remembered. */
const STEP = 1.25;

export interface Speeds {
  /** Counts a request until the returned function is called. */
  asked(domain: string): () => void;
  /** Tokens a second of an answer. */
  answered(domain: string, tokensPerSecond: number): void;
  /** What is known of a domain, with these. */
  candidate(known: DomainCandidate): DomainCandidate;
}

export function createSpeeds(): Speeds {
  const speeds = new Map<string, number>();
  const active = new Map<string, number>();
  const count = (domain: string, change: number) => active.set(domain, (active.get(domain) ?? 0) + change);
  return {
    asked(domain) {
      count(domain, 1);
      return () => void count(domain, -1);
    },
    answered(domain, tokensPerSecond) {
      if (!(tokensPerSecond > 0)) return;
      const before = speeds.get(domain) ?? tokensPerSecond;
      speeds.set(domain, before + NEWEST * (tokensPerSecond - before));
    },
    candidate(known) {
      const speed = speeds.get(known.name);
      return speed === undefined ? known : { ...known, tokensPerSecond: Math.round(STEP ** Math.round(Math.log(speed) / Math.log(STEP))), queue: active.get(known.name) ?? 0 };
    },
  };
}
