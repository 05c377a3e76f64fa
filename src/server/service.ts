/** What the endpoints work with. */
import type { Chat } from '../chat/index.js';
import type { Emotion, Router } from '../kernel/capabilities/index.js';
import type { Live } from './metrics/live.js';
import type { Prometheus } from './metrics/prometheus.js';
import type { Recorder } from './metrics/recorder.js';
import type { Host } from '../kernel/host-types.js';
import type { Endpoint } from './endpoint.js';
import type { Rotation, Serving } from './serving/index.js';

/** What is needed of a host of plugins. */
export type ServerHost = Pick<Host, 'hooks' | 'find' | 'use'>;

export interface Service {
  readonly host: ServerHost;
  /** What is served: a GGUF file, or a deployment target. */
  readonly path: string;
  readonly rotation: Rotation;
  /** Emotion, router and hooks before a model of the serving. */
  chatOf(serving: Serving): Chat;
  readonly emotion: Emotion | undefined;
  readonly router: Router | undefined;
  /** Told what happens; `prometheus` and `live` are among those who count. */
  readonly record: Recorder;
  readonly prometheus: Prometheus;
  readonly live: Live;
  readonly endpoints: readonly Endpoint[];
  /** Whether keys are asked for. */
  readonly secured: boolean;
}
