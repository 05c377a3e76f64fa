/** What the endpoints work with. */
import type { Chat } from '../chat/index.js';
import type { Emotion, Router } from '../kernel/capabilities.js';
import type { Metrics } from './metrics/metrics.js';
import type { Endpoint } from './endpoint.js';
import type { Rotation, Serving } from './serving/index.js';

export interface Service {
  readonly rotation: Rotation;
  /** Emotion, router and hooks before a model of the serving. */
  chatOf(serving: Serving): Chat;
  readonly emotion: Emotion | undefined;
  readonly router: Router | undefined;
  readonly metrics: Metrics;
  readonly endpoints: readonly Endpoint[];
  /** Whether keys are asked for. */
  readonly secured: boolean;
}
