/** What the registry stores, as the rest of the product sees it. Times are ISO 8601 in UTC, sizes are bytes. */
import type { DomainStatus, PhaseStatus } from './lifecycle.js';
import type { CompressionType, Layout, PhaseSettings } from './settings.js';

export interface Phase {
  readonly number: number;
  readonly status: PhaseStatus;
  /** Why the phase is where it is, when the last build failed; else null. */
  readonly reason: string | null;
  /** True for the one phase that the project works on now; advance-phase moves it. */
  readonly current: boolean;
  readonly settings: PhaseSettings;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export type Metrics = Readonly<Record<string, unknown>>;

export interface Domain {
  readonly phase: number;
  readonly name: string;
  readonly status: DomainStatus;
  /** Absolute path of the PEFT adapter folder. */
  readonly path: string;
  /** Absolute path of the domain's unseen lines (.jsonl or text), to measure loss on; null when there are none. */
  readonly text: string | null;
  /** Absolute path of lines to choose a merge by; null when there are none. */
  readonly calibration: string | null;
  /** 0..1, null until somebody states it. */
  readonly quality: number | null;
  readonly metrics: Metrics | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export type BuildStatus = 'running' | 'good' | 'failed';

export interface BuildFile {
  /** Absolute. */
  readonly path: string;
  /** `model`: a GGUF that answers; `adapter`: a GGUF LoRA for the model of its build. */
  readonly role: 'model' | 'adapter';
  /** The only domain that it is for; null when it serves all. */
  readonly domain: string | null;
  readonly bytes: number;
}

export interface Build {
  readonly id: number;
  readonly phase: number;
  readonly status: BuildStatus;
  readonly pid: number;
  readonly quantization: string;
  readonly compressionType: CompressionType;
  readonly layout: Layout;
  /** The folder below builds/ that belongs to this build alone (absolute). */
  readonly folder: string;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly reason: string | null;
  /** True when cleanup-phase removed its files; such a build cannot be deployed. */
  readonly cleaned: boolean;
  /** The main file: it answers where no domain fits. */
  readonly output: string | null;
  /** The main file first; empty until the build is good. */
  readonly files: readonly BuildFile[];
  /** Of all files. */
  readonly bytes: number | null;
  /** These bytes / bytes of the base model's weights. */
  readonly ratio: number | null;
  readonly seconds: number | null;
  readonly peakRssBytes: number | null;
  /** Measured quality as the factory reports it. */
  readonly quality: Metrics | null;
  /** Everything else worth keeping: domains, weights, source hashes, tensor types. */
  readonly report: Metrics | null;
}

/** What a finished build hands to the registry. */
export interface BuildResult {
  readonly output: string;
  /** The main file alone when omitted. */
  readonly files?: readonly BuildFile[];
  readonly bytes: number;
  readonly seconds: number;
  readonly peakRssBytes: number;
  readonly ratio?: number;
  readonly quality?: Metrics;
  readonly report?: Metrics;
}

export type ReleaseStatus = 'current' | 'previous' | 'retired';

export interface Release {
  readonly id: string;
  readonly phase: number;
  readonly build: number;
  /** Absolute path of the deployment target. */
  readonly target: string;
  readonly layout: string;
  readonly status: ReleaseStatus;
  readonly info: Metrics | null;
  readonly createdAt: string;
}

export interface NewRelease {
  readonly id: string;
  readonly phase: number;
  readonly build: number;
  readonly target: string;
  readonly layout: string;
  readonly info?: Metrics;
}

export interface RegistryEvent {
  readonly id: number;
  readonly at: string;
  readonly kind: EventKind;
  readonly phase: number | null;
  readonly domain: string | null;
  readonly build: number | null;
  readonly release: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly detail: Metrics | null;
}

export type EventKind =
  | 'phase.created' | 'phase.status' | 'phase.settings' | 'phase.current'
  | 'domain.added' | 'domain.status' | 'domain.updated'
  | 'build.started' | 'build.good' | 'build.failed' | 'build.cleaned'
  | 'release.recorded' | 'release.current' | 'release.retired' | 'release.removed'
  | 'deploy.failed' | 'deploy.repaired'
  | 'checklist.run' | 'checklist.waived' | 'phase.owner';

export type ChecklistVerdict = 'pass' | 'fail' | 'waived';

export interface ChecklistItem {
  /** Stable, in lower case with dashes. */
  readonly item: string;
  /** What must be true. */
  readonly title: string;
  readonly verdict: ChecklistVerdict;
  /** What the check found, in one line. */
  readonly finding: string;
  /** Figures, files and answers that the finding rests on. */
  readonly evidence: Metrics;
  /** Who waived it, and why; only where the check failed. */
  readonly waiver?: Waiver;
}

export interface Waiver {
  readonly reason: string;
  readonly by: string;
  readonly at: string;
}

/** One run of the production checklist. */
export interface Checklist {
  readonly phase: number;
  /** The build that was checked. */
  readonly build: number;
  /** Nothing failed without a waiver. */
  readonly ready: boolean;
  readonly owner: string | null;
  readonly items: readonly ChecklistItem[];
  readonly at: string;
}
