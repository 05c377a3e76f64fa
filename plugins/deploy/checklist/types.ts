/** What a check of the production checklist is given, and what it answers. */
import type { Build, Domain, Phase } from 'tara-gguf';
import type { Deployer, DeployFile, Emotion, HookCaller, Router, TargetLayout } from 'tara-gguf/plugin';
import type { DeployConfig } from '../config.js';

export interface CheckInput {
  readonly phase: Phase;
  readonly domains: readonly Domain[];
  readonly build: Build;
  readonly files: readonly DeployFile[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly owner: string | null;
  /** Where the phase is or will be deployed to. */
  readonly target: string;
  readonly targetLayout: TargetLayout | undefined;
  /** A folder for what checks write; emptied afterwards. */
  readonly scratch: string;
  readonly config: DeployConfig;
  readonly hooks: HookCaller;
  readonly emotion: Emotion | undefined;
  readonly router: Router | undefined;
  readonly deployer: Deployer;
  readonly signal: AbortSignal;
}

export interface Finding {
  readonly ok: boolean;
  /** What was found, in one line. */
  readonly finding: string;
  /** Figures and files that it rests on: plain JSON. */
  readonly evidence: Readonly<Record<string, unknown>>;
}

export interface Check {
  /** Stable, in lower case with dashes. */
  readonly item: string;
  readonly title: string;
  run(input: CheckInput): Promise<Finding>;
}
