/** Services of the kernel itself that plugins and commands look up by token. */

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

/** Worker threads, for JavaScript that would hold up the event loop. They own no model. */
export interface Workers {
  readonly threads: number;
  /**
   * Runs the default export, `(input, { check }) => output`, of a module: an absolute path or file URL of compiled code.
   * Input and output are cloned; `check` throws once the caller has cancelled. Rejects with the task's own error code; TARA_ABORTED when the signal fires.
   */
  run<Output>(module: string, input: unknown, options?: { signal?: AbortSignal | undefined }): Promise<Output>;
}

export const workers = createToken<Workers>('core.workers');
