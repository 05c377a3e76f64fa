/** Which domain answers. */
import { createCapability } from '../tokens.js';
import type { Crisis, EmotionAnalysis } from './emotion.js';

export interface DomainCandidate {
  readonly name: string;
  readonly description?: string;
  readonly keywords?: readonly string[];
  readonly examples?: readonly string[];
  /** Measured decode speed, tokens a second. */
  readonly tokensPerSecond?: number;
  /** Measured training quality, 0..1. */
  readonly quality?: number;
  /** False takes the domain out of the choice; true when omitted. */
  readonly healthy?: boolean;
  /** Requests that wait for it. */
  readonly queue?: number;
  /** Tokens that its model holds; any question fits when omitted. */
  readonly contextSize?: number;
  /** What it can do beside plain answers, by name. */
  readonly capabilities?: readonly string[];
}

/** Parts of a domain's score, each 0..1; `total` is their weighted mean. */
export interface DomainScore {
  readonly total: number;
  readonly content: number;
  readonly emotion: number;
  readonly speed: number;
  readonly quality: number;
}

export interface RouteOptions {
  /** The domains to choose from; the router's own table when omitted. */
  readonly candidates?: readonly DomainCandidate[];
  /** The analysis of the same text, when the caller has it. */
  readonly emotion?: EmotionAnalysis;
  readonly userId?: string;
  /** Capabilities that a domain must have. */
  readonly requires?: readonly string[];
}

export interface RouteDecision {
  readonly text: string;
  /** A domain's name, or `none` when no domain fits. */
  readonly domain: string;
  /** 0..1: how likely the decision is right. */
  readonly confidence: number;
  /** Of all candidates, or of the best where there are many. */
  readonly scores: Readonly<Record<string, DomainScore>>;
  /** The domain to try when the first one fails. */
  readonly fallback: string | null;
  /** Domains so close that their answers are worth comparing, the chosen one first; no others when omitted. */
  readonly contenders?: readonly string[];
  readonly crisis: Crisis;
}

export interface Router {
  route(text: string, options?: RouteOptions): Promise<RouteDecision>;
}

export const router = createCapability<Router>('router');
