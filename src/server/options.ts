/** What a server can be told, and what it does untold. */
import type { LoadOptions } from '../engine/index.js';
import type { Logger } from 'pino';

export interface RateLimit {
  /** Requests that one key (or, without keys, one address) may send … */
  readonly requests: number;
  /** … within so many seconds. */
  readonly seconds: number;
}

/** What is needed of requests and of those who send them. */
export interface AccessOptions {
  /** Any of them as `Authorization: Bearer KEY`; everybody may ask where there is none. */
  readonly apiKeys?: readonly string[] | undefined;
  readonly rateLimit?: RateLimit | undefined;
  /** Bytes of a request; 8 MiB when omitted. */
  readonly bodyLimit?: number | undefined;
  /** Origins whose pages may ask from a browser; `*` for all. None when omitted. */
  readonly corsOrigins?: readonly string[] | undefined;
}

/** What answers. */
export interface ModelOptions {
  /** A GGUF file, or a target that phases were deployed to. */
  readonly path: string;
  /** A GGUF for /v1/embeddings. */
  readonly embeddingModel?: string | undefined;
  readonly load?: Pick<LoadOptions, 'contextSize' | 'slots' | 'threads' | 'maxQueued' | 'gpuLayers' | 'deterministic'> | undefined;
  /** Bytes of model files that may be loaded at once, in use or not; any number when omitted. */
  readonly memory?: number | undefined;
  /** Of each model, loaded by itself with its own slots, their weights shared; 1 when omitted. */
  readonly replicas?: number | undefined;
  /** Further names of the model `default`. */
  readonly aliases?: readonly string[] | undefined;
  /** Milliseconds between two looks at the target for a new release; 1000 when omitted. */
  readonly watchMs?: number | undefined;
}

export interface ServerOptions extends ModelOptions, AccessOptions {
  /** False: no page at /, for an app that has one there. */
  readonly dashboard?: boolean | undefined;
  /** Default 127.0.0.1: nobody outside this machine. */
  readonly host?: string | undefined;
  /** Default 8080; 0 takes a free one. */
  readonly port?: number | undefined;
  /** Milliseconds that requests under way get to end in when the server is closed; 30 000 when omitted. */
  readonly drainMs?: number | undefined;
  /** Nothing is logged without one; no text of a message ever is. */
  readonly logger?: Logger | undefined;
}

export const DEFAULTS = { host: '127.0.0.1', port: 8080, bodyLimit: 8 << 20, drainMs: 30_000, watchMs: 1000 } as const;
