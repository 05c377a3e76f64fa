/** Services of the kernel, and of the core where it offers them, that plugins and commands look up by token. */

import type { HookName, HooksOfKind, HookResult, HookValue } from './hook-table.js';
import { createToken } from './tokens.js';
import type { TaraError } from '../errors.js';

/** One handler's answer to a parallel hook; exactly one of `value` and `error` is set (`value` may be undefined). */
export type HookAnswer<T> = { readonly plugin: string; readonly value: T } | { readonly plugin: string; readonly error: TaraError };

export interface CallOptions {
  /** Ends the call with TARA_ABORTED. */
  readonly signal?: AbortSignal;
}

/** Calls hooks. Handlers of plugins that are not running are left out. */
export interface HookCaller {
  /** Whether a running plugin handles the hook. */
  has(name: HookName): boolean;
  /** The first answer that is not undefined. A handler's error ends the call with TARA_HOOK_FAILED or TARA_HOOK_TIMEOUT. */
  first<Name extends HooksOfKind<'first'>>(name: Name, value: HookValue<Name>, options?: CallOptions): Promise<HookResult<Name> | undefined>;
  /** The value after all handlers. A handler's error ends the call with TARA_HOOK_FAILED or TARA_HOOK_TIMEOUT. */
  waterfall<Name extends HooksOfKind<'waterfall'>>(name: Name, value: HookValue<Name>, options?: CallOptions): Promise<HookValue<Name>>;
  /** All answers in handler order, undefined ones left out, errors included; rejects only when aborted. */
  parallel<Name extends HooksOfKind<'parallel'>>(name: Name, value: HookValue<Name>, options?: CallOptions): Promise<readonly HookAnswer<NonNullable<HookResult<Name>>>[]>;
  /** Tells every handler and returns at once; the promise, for who wants to wait, never rejects. */
  observe<Name extends HooksOfKind<'observe'>>(name: Name, value: HookValue<Name>): Promise<void>;
}

export const hooks = createToken<HookCaller>('kernel.hooks');

/** The state folder: what plugins keep lies in folders of their names. */
export interface StateFolder {
  /** Absolute path; it need not exist yet. */
  readonly path: string;
}

export const stateFolder = createToken<StateFolder>('core.state');

/** Worker threads for a plugin's heavy JavaScript (parsing, comparing), away from the event loop. They own no model. */
export interface Workers {
  readonly threads: number;
  /**
   * Runs the default export of a module, an absolute path or file URL, in the process's pool of worker threads:
   * `(input, { check }) => output`, both cloneable; `check` throws once the caller has cancelled. Rejects with the module's own
   * error code and fields (TARA_INTERNAL for an error that is no TaraError), TARA_ABORTED when the signal fires.
   */
  runInPool<Output>(module: string | URL, input: unknown, options?: CallOptions): Promise<Output>;
}

export const workers = createToken<Workers>('kernel.workers');
