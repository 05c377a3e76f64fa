/** Puts a built phase where it is served from, and takes it back. */
import { createCapability } from '../tokens.js';
import type { OnProgress } from './progress.js';

export interface DeployFile {
  readonly path: string;
  /** `model`: a GGUF that answers, in one domain where that is named; `adapter`: a GGUF LoRA of one domain; `config`: anything else. */
  readonly role: 'model' | 'adapter' | 'config';
  readonly domain?: string;
}

/** How a target is laid out for those who read it beside releases/ and current.json. */
export const TARGET_LAYOUTS = ['plain', 'meetara-services', 'meetara-core'] as const;
export type TargetLayout = (typeof TARGET_LAYOUTS)[number];

/** What a deployment does with each file, in this order. */
export type DeployStage = 'copy' | 'verify' | 'smoke test';

export interface DeployRequest {
  readonly phase: number;
  readonly files: readonly DeployFile[];
  /** Folder that holds releases. */
  readonly target: string;
  /** Plain JSON, stored with the release. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The target's own, else recognised from its files, when omitted. */
  readonly targetLayout?: TargetLayout | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** What becomes checklist.json of the release. */
  readonly checklist?: unknown;
  /** PEM file of an Ed25519 private key that the manifest is signed with. */
  readonly signKey?: string | undefined;
  /** False: the models are not loaded and asked before the switch. */
  readonly smokeTest?: boolean | undefined;
  /** Releases of each phase that stay beside those in use; the plugin's setting when omitted. */
  readonly keep?: number | undefined;
  readonly signal?: AbortSignal;
  /** Of the whole deployment. */
  readonly onProgress?: OnProgress;
  /** Of one file in one stage, 0..1. */
  readonly onFile?: (stage: DeployStage, path: string, fraction: number) => void;
}

export interface DeployedFile {
  /** Relative to the release's folder. */
  readonly path: string;
  readonly role: DeployFile['role'];
  /** The only domain that it is for; null when it serves all. */
  readonly domain: string | null;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

export interface Release {
  readonly id: string;
  readonly phase: number;
  /** Folder of the release. */
  readonly path: string;
  readonly files: readonly DeployedFile[];
  /** The domains that it answers for. */
  readonly domains: readonly string[];
  /** How well they were trained, 0..1, where that was stated. */
  readonly quality?: Readonly<Record<string, number>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** One release of each phase is. */
  readonly current: boolean;
  /** The one of them that answers where no domain fits: the last that was switched to. */
  readonly primary: boolean;
}

/** What a model said before it was switched to. */
export interface SmokeResult {
  /** Relative to the release's folder. */
  readonly path: string;
  readonly loadMs: number;
  /** From the request to the first token. */
  readonly firstTokenMs: number;
}

export interface DeployedRelease {
  readonly id: string;
  readonly target: string;
  /** Folder of the release. */
  readonly path: string;
  readonly files: readonly DeployedFile[];
  /** The release that was current before. */
  readonly previous: string | null;
  readonly layout: TargetLayout;
  /** Bytes that had to be copied; the others were in the target already. */
  readonly copiedBytes: number;
  /** Releases that retention removed. */
  readonly removed: readonly string[];
  /** What an interrupted command had left, and what became of it. */
  readonly repaired: readonly string[];
  /** Empty where no smoke test ran. */
  readonly smoke: readonly SmokeResult[];
  /** The switch alone: the rename of current.json and its fsyncs. */
  readonly switchMs: number;
  readonly seconds: number;
}

export interface VerifyReport {
  readonly ok: boolean;
  readonly issues: readonly { readonly code: string; readonly path: string; readonly message: string }[];
}

export interface VerifyOptions {
  /** PEM file of the public key that every current release must be signed by. */
  readonly key?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RolledBack {
  /** Null where the target is as it was before its first deployment. */
  readonly current: string | null;
  readonly previous: string | null;
  readonly repaired: readonly string[];
  readonly seconds: number;
}

/** A reader's word that it uses the current releases: retention leaves them alone until it is released. */
export interface ReaderLease {
  release(): Promise<void>;
}

export interface Deployer {
  deploy(request: DeployRequest): Promise<DeployedRelease>;
  /** Hashes every file of the current releases again. */
  verify(target: string, options?: VerifyOptions): Promise<VerifyReport>;
  /** Makes release `id` current, or with none the state before the last switch; `none` takes the target back to before its first deployment. */
  rollback(target: string, id?: string, options?: VerifyOptions): Promise<RolledBack>;
  /** Newest first. */
  releases(target: string): Promise<readonly Release[]>;
  /** Removes releases that nobody uses, all but the newest `keep` of each phase; returns their ids. */
  prune(target: string, options?: { readonly keep?: number | undefined; readonly dryRun?: boolean }): Promise<readonly string[]>;
  /** Does nothing where the target cannot be written to. */
  hold(target: string): Promise<ReaderLease>;
}

export const deployer = createCapability<Deployer>('deployer');
