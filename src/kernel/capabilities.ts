/**
 * The capabilities: what the core asks of plugins (the embedder: what plugins ask of the core). Interfaces and
 * tokens only; the core has a plain fallback for each. At most one plugin provides a capability. Every method is asynchronous,
 * so that an implementation can load its heavy half at the first call. Sizes are bytes, times
 * seconds, paths absolute or relative to the working directory; methods fail with a TaraError.
 */

import { createCapability } from './tokens.js';

/** Progress of a long call: `fraction` in 0..1, or null when the end is unknown. */
export type OnProgress = (fraction: number | null, detail?: string) => void;

// cleaner: makes a model, adapter or checkpoint folder safe and small before it is built

export interface CleanOptions {
  /** Where the cleaned copy goes; without it and without `inPlace` nothing is written. */
  readonly outputPath?: string;
  readonly inPlace?: boolean;
  /** Bytes; a larger file is an issue. */
  readonly maxFileBytes?: number;
  /** The base checkpoint that an adapter is checked against. */
  readonly baseDir?: string;
  /** Warnings make the result invalid too. */
  readonly strict?: boolean;
  /** Where the report is written as JSON. */
  readonly reportPath?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

export interface CleanIssue {
  /** Stable upper-case code of the finding. */
  readonly code: string;
  /** File, relative to the cleaned folder. */
  readonly path: string;
  readonly severity: 'error' | 'warning' | 'info';
  readonly message: string;
}

export interface CleanReport {
  readonly kind: 'hf-model' | 'peft-adapter' | 'gguf' | 'unknown';
  readonly valid: boolean;
  /** Validation score of the folder, 0..1. */
  readonly score: number;
  /** Path of the cleaned model; the input itself when it was cleaned in place or only checked. */
  readonly output: string;
  /** Files left out or removed, relative. */
  readonly removed: readonly string[];
  readonly issues: readonly CleanIssue[];
  readonly fixes: readonly { readonly code: string; readonly file: string }[];
  readonly bytesSaved: number;
  readonly seconds: number;
}

export interface Cleaner {
  clean(path: string, options?: CleanOptions): Promise<CleanReport>;
}

export const cleaner = createCapability<Cleaner>('cleaner');

// emotion: what a message feels like, whether it is a crisis, and how to answer

/** Plutchik's eight, in the order of every table and weight file. */
export const EMOTIONS = ['joy', 'trust', 'fear', 'surprise', 'sadness', 'disgust', 'anger', 'anticipation'] as const;
export type EmotionName = (typeof EMOTIONS)[number];

export type CrisisLevel = 'none' | 'concern' | 'acute';

export interface Crisis {
  readonly level: CrisisLevel;
  /** Names of the rules that fired, never the text itself. */
  readonly reasons: readonly string[];
}

export interface EmotionAnalysis {
  readonly text: string;
  /** The strongest emotion, `neutral` when none reaches its threshold. */
  readonly dominant: EmotionName | 'neutral';
  /** All emotions that reach their threshold, strongest first. */
  readonly labels: readonly EmotionName[];
  /** Probability 0..1 of each. */
  readonly emotions: Readonly<Record<EmotionName, number>>;
  /** 0..1. */
  readonly intensity: number;
  /** -1 (unpleasant) .. 1 (pleasant). */
  readonly valence: number;
  readonly crisis: Crisis;
  /** How the user has been, this message included; only where a user was named and history is kept. */
  readonly history?: EmotionHistory;
}

/** A user's messages so far, later ones counting more; of each only numbers are kept, never text. */
export interface EmotionHistory {
  readonly messages: number;
  /** Decayed mean of each probability. */
  readonly emotions: Readonly<Record<EmotionName, number>>;
  /** Decayed mean, -1..1. */
  readonly valence: number;
  /** 1: valence was the same in every message; 0: it swung from end to end. */
  readonly stability: number;
  /** Change of valence in a day, by weighted least squares, cut to -1..1; 0 where the messages span less than an hour. */
  readonly trend: number;
}

/** How to answer: what a template of the style engine says. */
export interface ResponseTemplate {
  readonly tone: string;
  readonly empathy_level: 'low' | 'medium' | 'high';
  readonly modifiers: readonly string[];
  readonly response_style: string;
  /** Takes the template for these messages, before all shipped ones; without it the name decides: an emotion, `neutral` or `domain.scenario`. */
  readonly when?: { readonly domains?: readonly string[] | undefined; readonly emotions?: readonly (EmotionName | 'neutral')[] | undefined; readonly intensity?: number | undefined } | undefined;
}

export interface ReplyStyle {
  /** Added to the system prompt before generation; empty when nothing is to be said. */
  readonly instructions: string;
  /** Sentences put around the reply, never inside it. */
  readonly before?: string;
  readonly after?: string;
}

export interface Emotion {
  /** With `userId` the numbers of the analysis join that user's history. */
  analyze(text: string, options?: { readonly userId?: string }): Promise<EmotionAnalysis>;
  /** How to answer in a domain. */
  style(domain: string, analysis: EmotionAnalysis): Promise<ReplyStyle>;
  /** Templates by name; assigning one adds or replaces it, and throws TARA_OPTION_INVALID where it has another form. */
  readonly responseTemplates: Record<string, ResponseTemplate>;
}

export const emotion = createCapability<Emotion>('emotion');

// embedder: what a text means, as a vector; the core provides it where an embedding model is named

export interface Embedder {
  /** Length of every vector. Loads the model; rejects as `embed`. */
  dimensions(): Promise<number>;
  /**
   * A vector of length 1 for each text, in order; of zeros for a text without words. Only the first 256 tokens of a
   * text count. Each text is computed once and its vector shared: never write to one. Rejects as the engine's load
   * and embed do (TARA_FILE_NOT_FOUND, TARA_GGUF_INVALID, TARA_MODEL_UNSUPPORTED …).
   */
  embed(texts: readonly string[]): Promise<readonly Float32Array[]>;
}

/** Nobody provides it where no embedding model is named: `find` then answers undefined. */
export const embedder = createCapability<Embedder>('embedder');

// router: which domain answers

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

// deployer: puts a built phase where it is served from, and takes it back

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

// compressor: chooses the types of a phase's tensors, and what of them is left out

export interface CompressorTensor {
  readonly name: string;
  /** Innermost dimension first, as GGUF counts. */
  readonly ne: readonly number[];
  /** ggml type name in lower case. */
  readonly type: string;
}

/** What a compressor that measures works on. */
export interface CompressionMeasuring {
  /** The unquantized model: a GGUF file in F32, F16 or BF16. */
  readonly model: string;
  /** Calibration texts: .txt, or .jsonl items. */
  readonly texts: readonly string[];
  /** An importance matrix to use in place of one made from the texts. */
  readonly imatrix?: string;
  /** Folder in which measurements outlive the call. */
  readonly cacheDir: string;
  readonly threads?: number;
  readonly onProgress?: OnProgress;
}

export interface CompressionGoal {
  /** Least share of tokens, 0..1, for which the file finds the same most likely successor as the unquantized model. */
  readonly agreement?: number;
  /** Largest mean KL divergence from the unquantized model, in nats. */
  readonly kld?: number;
}

export interface CompressionRequest {
  readonly architecture: string;
  /** In layer order. */
  readonly tensors: readonly CompressorTensor[];
  readonly compressionType: 'standard' | 'sparse' | 'hybrid' | 'distilled';
  /** Preset name, `Q4_K_M`. */
  readonly quantization: string;
  /** Bytes of the whole file; none when null. */
  readonly budget: number | null;
  /** Exact bytes of the whole file by preset, where the core could compute them. */
  readonly presetBytes?: Readonly<Record<string, number>>;
  /** Without it nothing can be measured, and a compressor that must measure refuses. */
  readonly measuring?: CompressionMeasuring;
  /** Share of the preset's bytes that is to go, 0..1 (sparse). */
  readonly sparsity?: number;
  /** Minutes that the file may be taught by the unquantized model (sparse); 0 = not at all. The compressor's own when omitted. */
  readonly minutes?: number;
  /** The smallest file that measures so well is wanted. */
  readonly goal?: CompressionGoal;
  /** Bytes of the machine that the model must leave room in. */
  readonly memory?: number;
  /** Speed on this machine counts beside quality. */
  readonly speedPriority?: boolean;
  readonly signal?: AbortSignal;
}

/** What of the unquantized model stays, by place in it; what is left out here stays whole. */
export interface CompressionPruning {
  /** Token ids, ascending. */
  readonly tokens?: readonly number[] | undefined;
  /** Ascending. */
  readonly layers?: readonly number[] | undefined;
  /** Channels of the feed-forward networks, ascending, by layer. */
  readonly channels?: Readonly<Record<number, readonly number[]>> | undefined;
  /** A safetensors file of weights that take the place of the model's own. */
  readonly weights?: string | undefined;
}

export interface CompressionProposal {
  /** The preset that the types start from. */
  readonly preset: string;
  /** ggml type by tensor name, for tensors that leave the preset. */
  readonly types: Readonly<Record<string, string>>;
  /** Bytes the file is expected to have; null when not computed. */
  readonly bytes: number | null;
  /** Why: one line each, printed by --dry-run and kept with the build. */
  readonly evidence: readonly string[];
  /** The importance matrix that the file is to be written with. */
  readonly imatrix?: string;
  /** Factors for error feedback that it is to be rounded with. */
  readonly feedback?: string;
  /** Parts that are left out of the file. */
  readonly pruning?: CompressionPruning;
  /** A GGUF file that was made of the unquantized model so and then taught: it is written as it is. */
  readonly file?: string;
  /** All that was found, for --json. */
  readonly report?: unknown;
  /** The file as it will be, where it was measured. */
  readonly measured?: CompressionMeasured;
}

/** Against the unquantized model, on text that nothing was chosen by. */
export interface CompressionQuality {
  readonly bytes: number;
  /** Mean KL divergence in nats, and its standard error. */
  readonly kld: number;
  readonly kldError: number;
  /** 0..1 */
  readonly topTokenAgreement: number;
  /** Null for an encoder, of which `kld` is the mean of 1 - cosine to the unquantized model's embeddings, and `topTokenAgreement` the share of texts with the same nearest text. */
  readonly perplexity: number | null;
}

export interface CompressionMeasured {
  readonly file: CompressionQuality;
  /** The preset with the same importance matrix, on the same text. */
  readonly preset: CompressionQuality;
  /** Chunks of 512 tokens, of which the second half is scored. */
  readonly chunks: number;
}

export interface Compressor {
  propose(request: CompressionRequest): Promise<CompressionProposal>;
}

export const compressor = createCapability<Compressor>('compressor');

/** The capabilities the core asks for, by name. */
export const CAPABILITIES = { compressor, cleaner, router, emotion, deployer } as const;
