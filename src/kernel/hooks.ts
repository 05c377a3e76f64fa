/** The hook registry: who handles what, in which order, and how each kind is called. */

import { TaraError } from '../errors.js';
import type { HookKind } from './hook-table.js';
import { withLimit } from './limit.js';
import type { HookContext, HookOrder } from './plugin.js';
import { adviceOf, reasonOf } from './reason.js';
import type { CallOptions, HookAnswer, HookCaller } from './services.js';

export interface HookEntry {
  readonly plugin: string;
  readonly hook: string;
  readonly order: HookOrder;
  /** Place of the plugin in the start order. */
  readonly rank: number;
  /** Milliseconds, Infinity for no limit. */
  readonly timeoutMs: number;
  call(value: unknown, context: HookContext): unknown;
  /** What the handler is given, with the signal of this call. */
  context(signal: AbortSignal): HookContext;
}

const ORDERS: Readonly<Record<HookOrder, number>> = { pre: 0, normal: 1, post: 2 };

export class HookRegistry {
  private readonly kinds = new Map<string, HookKind>();
  private readonly entries = new Map<string, HookEntry[]>();

  /** `onError` hears of every failure of a handler, also of those that end the call. */
  constructor(private readonly onError: (entry: HookEntry, error: TaraError) => void) {}

  declare(hook: string, kind: HookKind): void {
    this.kinds.set(hook, kind);
  }

  knows(hook: string): boolean {
    return this.kinds.has(hook);
  }

  add(entry: HookEntry): void {
    const list = [...(this.entries.get(entry.hook) ?? []), entry];
    // The sort is stable: handlers of one plugin stay in the order it added them.
    list.sort((a, b) => ORDERS[a.order] - ORDERS[b.order] || a.rank - b.rank);
    this.entries.set(entry.hook, list);
  }

  /** Takes all handlers of a plugin out; calls under way keep them. */
  drop(plugin: string): void {
    for (const [hook, list] of this.entries) this.entries.set(hook, list.filter((entry) => entry.plugin !== plugin));
  }

  /** The typed face, which plugins and the core call. */
  caller(): HookCaller {
    return {
      has: (name: string) => (this.entries.get(name) ?? []).length > 0,
      first: (name: string, value: unknown, options?: CallOptions) => this.first(name, value, options),
      waterfall: (name: string, value: unknown, options?: CallOptions) => this.waterfall(name, value, options),
      parallel: (name: string, value: unknown, options?: CallOptions) => this.parallel(name, value, options),
      observe: (name: string, value: unknown) => this.observe(name, value),
    } as HookCaller;
  }

  private async first(name: string, value: unknown, options?: CallOptions): Promise<unknown> {
    for (const entry of this.of(name, 'first')) {
      const answer = await this.run(entry, value, options?.signal);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  private async waterfall(name: string, value: unknown, options?: CallOptions): Promise<unknown> {
    let current = value;
    for (const entry of this.of(name, 'waterfall')) {
      const answer = await this.run(entry, current, options?.signal);
      if (answer !== undefined) current = answer;
    }
    return current;
  }

  private async parallel(name: string, value: unknown, options?: CallOptions): Promise<readonly HookAnswer<unknown>[]> {
    const answers = await Promise.all(
      this.of(name, 'parallel').map(async (entry): Promise<HookAnswer<unknown> | undefined> => {
        try {
          const answer = await this.run(entry, value, options?.signal);
          return answer === undefined ? undefined : { plugin: entry.plugin, value: answer };
        } catch (thrown) {
          if (!(thrown instanceof TaraError) || thrown.code === 'TARA_ABORTED') throw thrown;
          return { plugin: entry.plugin, error: thrown };
        }
      }),
    );
    return answers.filter((answer) => answer !== undefined);
  }

  private async observe(name: string, value: unknown): Promise<void> {
    // run has reported the failures already.
    await Promise.allSettled(this.of(name, 'observe').map((entry) => this.run(entry, value, undefined)));
  }

  private of(name: string, kind: HookKind): readonly HookEntry[] {
    const declared = this.kinds.get(name);
    if (declared !== kind) throw new TaraError('TARA_INTERNAL', { reason: `hook ${name} is ${declared ?? 'not declared'}, called as ${kind}` });
    return this.entries.get(name) ?? [];
  }

  private async run(entry: HookEntry, value: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    const { plugin, hook, timeoutMs } = entry;
    const late = new TaraError('TARA_HOOK_TIMEOUT', { plugin, hook, ms: timeoutMs });
    try {
      return await withLimit((limited) => entry.call(value, entry.context(limited)), {
        ms: timeoutMs,
        late,
        signal,
      });
    } catch (thrown) {
      // The caller's own wish is no failure of the plugin.
      if (signal?.aborted === true) throw new TaraError('TARA_ABORTED', {}, { cause: thrown });
      const error =
        thrown === late
          ? late
          : new TaraError('TARA_HOOK_FAILED', { plugin, hook, reason: reasonOf(thrown), advice: adviceOf(thrown, plugin) }, { cause: thrown });
      this.onError(entry, error);
      throw error;
    }
  }
}
