/** What became of phases, domains, builds and releases, out of the registry. Times are ISO 8601 in UTC. */
import type { DomainStatus, PhaseStatus, RegistryEvent } from '../phases/index.js';

export interface BuildFigures {
  readonly at: string;
  readonly phase: number;
  readonly build: number;
  readonly status: string;
  readonly quantization: string;
  readonly compressionType: string;
  readonly bytes: number | null;
  /** These bytes / bytes of the base. */
  readonly ratio: number | null;
  readonly seconds: number | null;
  readonly peakRssBytes: number | null;
}

/** Loss of a domain in a build, in nats a token. */
export interface QualityFigures {
  readonly at: string;
  readonly phase: number;
  readonly build: number;
  readonly domain: string;
  readonly loss: number;
  /** Of the base on the same lines; null where it was not measured. */
  readonly base: number | null;
}

/** The quality that somebody stated of a domain, 0..1. */
export interface StatedQuality {
  readonly at: string;
  readonly phase: number;
  readonly domain: string;
  readonly quality: number;
}

export interface ReleaseFigures {
  readonly at: string;
  readonly phase: number;
  readonly release: string;
  readonly target: string;
  readonly layout: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly bytes: number | null;
  readonly seconds: number | null;
  readonly copiedBytes: number | null;
  readonly switchMs: number | null;
  /** Of the slowest of its models, when it was tested before the switch. */
  readonly loadMs: number | null;
  readonly firstTokenMs: number | null;
}

export type LogEntry = Omit<RegistryEvent, 'id'>;

export interface LoggedError {
  readonly at: string;
  readonly phase: number | null;
  /** What failed. */
  readonly what: 'build' | 'deployment';
  readonly message: string;
  readonly hint: string | null;
  /** What ended it: the next build or release that succeeded. */
  readonly resolved: { readonly at: string; readonly by: string } | null;
}

export interface Analytics {
  readonly at: string;
  readonly phases: { readonly total: number; readonly byStatus: Readonly<Partial<Record<PhaseStatus, number>>>; /** Deployed ones; null without any. */ readonly completionRate: number | null };
  readonly domains: { readonly total: number; readonly byStatus: Readonly<Partial<Record<DomainStatus, number>>>; /** Complete ones among those that ended; null without any. */ readonly successRate: number | null };
  readonly buildSuccessRate: number | null;
  readonly builds: readonly BuildFigures[];
  readonly quality: readonly QualityFigures[];
  readonly stated: readonly StatedQuality[];
  readonly releases: readonly ReleaseFigures[];
  /** Every change of a status. */
  readonly transitions: readonly LogEntry[];
  /** Deployments, rollbacks, removals, repairs, checklists. */
  readonly deployments: readonly LogEntry[];
  readonly errors: readonly LoggedError[];
}
