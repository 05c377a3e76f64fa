/** The host: runs checked plugins, keeps a failing one away from the rest, and is what the core asks. */

import { TaraError } from '../errors.js';
import { dependencyFailed, checkPlugins, mayBeAbsent, type Candidate } from './checks.js';
import { Scope } from './container.js';
import { Bus } from './events.js';
import { CORE_HOOKS } from './hook-table.js';
import { HookRegistry, type HookEntry } from './hooks.js';
import type { Host, HostCommand, HostOptions, PluginState, PluginStatus } from './host-types.js';
import { withLimit } from './limit.js';
import { loadCommand } from './load.js';
import { createLogger } from './log.js';
import type { EventBus, HookContext, HookOptions, Logger, Plugin, PluginContext } from './plugin.js';
import { reasonOf } from './reason.js';
import { hooks as hooksToken, type HookCaller } from './services.js';
import { createCapability, type Token } from './tokens.js';

/** One plugin of a host. */
interface Member {
  readonly name: string;
  readonly plugin: Plugin;
  readonly candidate: Candidate;
  readonly rank: number;
  readonly scope: Scope;
  readonly context: PluginContext;
  readonly log: Logger;
  readonly controller: AbortController;
  /** Handlers that take effect once it has started. */
  readonly entries: HookEntry[];
  state: PluginState;
  /** Whether register runs: provide and hook are legal then only. */
  open: boolean;
  error: TaraError | null;
  hookFailures: number;
}

/** Checks the plugins and makes a host of those that pass; nothing of them runs before start. */
export function createHost(options: HostOptions = {}): Host {
  return new PluginHost(options);
}

class PluginHost implements Host {
  readonly hooks: HookCaller;
  readonly events: EventBus;
  private readonly bus: Bus;
  private readonly log: Logger;
  private readonly registry: HookRegistry;
  private readonly root = Scope.root();
  private readonly candidates: readonly Candidate[];
  private readonly configProblems: readonly TaraError[];
  private readonly providers: ReadonlyMap<string, string>;
  /** In start order. */
  private readonly members = new Map<string, Member>();
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;

  constructor(private readonly options: HostOptions) {
    this.bus = new Bus(options.log);
    this.events = this.bus.face('kernel');
    this.log = createLogger('kernel', options.log);
    this.registry = new HookRegistry((entry, error) => this.hookFailed(entry, error));
    this.hooks = this.registry.caller();
    this.root.provide(hooksToken, () => this.hooks);
    for (const { token, factory } of options.services ?? []) this.root.provide(token, factory);
    const checked = checkPlugins(options.plugins ?? [], {
      config: options.config ?? {},
      choices: options.capabilities ?? {},
      fallbacks: new Set((options.services ?? []).filter(({ token }) => token.capability).map(({ token }) => token.name)),
      reservedCommands: new Set(options.reservedCommands),
    });
    this.candidates = checked.candidates;
    this.configProblems = checked.problems;
    this.providers = checked.providers;
    for (const [hook, kind] of Object.entries(CORE_HOOKS)) this.registry.declare(hook, kind);
    for (const name of checked.order) {
      const candidate = checked.candidates.find((other) => other.name === name && other.error === null);
      if (candidate?.plugin != null) this.admit(candidate, candidate.plugin);
    }
    for (const candidate of this.candidates) if (candidate.error !== null) this.log.error(candidate.error.message, { plugin: candidate.name, code: candidate.error.code });
    for (const problem of this.configProblems) this.log.warn(problem.message, { code: problem.code });
  }

  plugins(): readonly PluginStatus[] {
    return this.candidates.map((candidate) => {
      const { name, source, plugin } = candidate;
      const member = this.memberOf(candidate);
      return {
        name,
        version: plugin?.version ?? null,
        state: member?.state ?? 'failed',
        error: member?.error ?? candidate.error,
        source,
        requires: plugin?.requires ?? [],
        provides: plugin?.provides ?? [],
        commands: (plugin?.commands ?? []).map((command) => command.name),
        hooks: [...new Set([...Object.keys(plugin?.hooks ?? {}), ...(member?.entries ?? []).map((entry) => entry.hook)])],
        hookFailures: member?.hookFailures ?? 0,
      };
    });
  }

  problems(): readonly TaraError[] {
    return this.configProblems;
  }

  contributions(kind: string): readonly string[] {
    const sound = [...this.members.values()].filter((member) => member.state !== 'failed');
    return [...new Set(sound.flatMap(({ plugin: { contributes = {} } }) => (Object.hasOwn(contributes, kind) ? contributes[kind] ?? [] : [])))];
  }

  commands(): readonly HostCommand[] {
    return [...this.members.values()]
      .filter((member) => member.state !== 'failed')
      .flatMap((member) =>
        (member.plugin.commands ?? []).map(({ name, description, load }) => ({
          plugin: member.name,
          name,
          description,
          load: () => loadCommand(member.name, name, load),
          open: async () => {
            await this.start();
            if (member.state === 'failed' && member.error !== null) throw member.error;
            return { config: member.candidate.config, use: <T>(token: Token<T>) => member.context.use(token) };
          },
        })),
      );
  }

  start(): Promise<void> {
    if (this.stopping !== undefined) return Promise.reject(new TaraError('TARA_DISPOSED', { what: 'the plugin host' }));
    return (this.starting ??= this.startAll());
  }

  stop(): Promise<void> {
    return (this.stopping ??= this.stopAll());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  use<T>(token: Token<T>): T {
    return this.lookUp(token, 'the core', [...this.members.values()]);
  }

  find<T>(token: Token<T>): T | undefined {
    return this.scopeOf(token, [...this.members.values()])?.get(token);
  }

  private memberOf(candidate: Candidate): Member | undefined {
    const member = this.members.get(candidate.name);
    return member?.candidate === candidate ? member : undefined;
  }

  private admit(candidate: Candidate, plugin: Plugin): void {
    const { name } = plugin;
    const scope = this.root.child(`plugin ${name}`);
    const controller = new AbortController();
    const log = createLogger(name, this.options.log);
    const visible = () => [name, ...candidate.hard, ...candidate.soft].map((other) => this.members.get(other)).filter((other) => other !== undefined);
    const duringRegister = (call: string) => {
      if (!member.open) throw new TaraError('TARA_PLUGIN_LATE', { plugin: name, call });
    };
    const context: PluginContext = {
      name,
      config: candidate.config,
      log,
      events: this.bus.face(name),
      signal: controller.signal,
      provide: (token, factory) => {
        duringRegister('provide');
        if (token.capability && plugin.provides?.includes(token.name) !== true) {
          throw new TaraError('TARA_PLUGIN_PROVIDES', { plugin: name, reason: `it provides ${token.name}, which is not in provides` });
        }
        scope.provide(token, factory);
      },
      use: (token) => this.lookUp(token, `plugin ${name}`, visible()),
      find: (token) => this.scopeOf(token, visible())?.get(token),
      hook: (hook, handler, hookOptions = {}) => {
        duringRegister('hook');
        this.addHandler(member, hook, handler as HookEntry['call'], hookOptions);
      },
    };
    const member: Member = {
      name, plugin, candidate, scope, controller, context, log,
      rank: this.members.size, entries: [], state: 'loaded', open: false, error: null, hookFailures: 0,
    };
    for (const [hook, kind] of Object.entries(plugin.hookPoints ?? {})) this.registry.declare(hook, kind);
    this.members.set(name, member);
  }

  /** The scope that answers for a token: for a capability its provider's, else the first of `members` that has it. */
  private scopeOf<T>(token: Token<T>, members: readonly Member[]): Scope | undefined {
    const isUp = (member: Member | undefined) => member?.state === 'registered' || member?.state === 'started' || member?.open === true;
    if (token.capability) {
      const provider = this.members.get(this.providers.get(token.name) ?? '');
      if (provider !== undefined && isUp(provider) && provider.scope.owns(token)) return provider.scope;
      return this.root.owns(token) ? this.root : undefined;
    }
    if (this.root.owns(token)) return this.root;
    return members.find((member) => isUp(member) && member.scope.owns(token))?.scope;
  }

  private lookUp<T>(token: Token<T>, user: string, members: readonly Member[]): T {
    const scope = this.scopeOf(token, members);
    if (scope !== undefined) return scope.get(token);
    throw token.capability ? new TaraError('TARA_CAPABILITY_MISSING', { capability: token.name }) : new TaraError('TARA_SERVICE_UNKNOWN', { user, token: token.name });
  }

  private addHandler(member: Member, hook: string, call: HookEntry['call'], options: HookOptions): void {
    if (!this.registry.knows(hook)) {
      if (mayBeAbsent(member.plugin, hook)) return;
      throw new TaraError('TARA_PLUGIN_HOOK_UNKNOWN', { plugin: member.name, hook });
    }
    const { config, use } = member.context;
    const context = (signal: AbortSignal): HookContext => ({ config, log: member.log, signal, use });
    const timeoutMs = options.timeoutMs ?? this.options.timeouts?.hook ?? Infinity;
    member.entries.push({ plugin: member.name, hook, order: options.order ?? 'normal', rank: member.rank, timeoutMs, call, context });
  }

  private async startAll(): Promise<void> {
    // Plugins run on a later tick: createHost().start() returns its promise first.
    await Promise.resolve();
    for (const member of this.members.values()) await this.step(member, 'register', () => this.register(member));
    for (const member of this.members.values()) await this.step(member, 'start', () => this.startOne(member));
  }

  /** Runs one step of one plugin, unless it or what it requires has failed. */
  private async step(member: Member, step: 'register' | 'start', work: () => Promise<void>): Promise<void> {
    if (member.state === 'failed') return;
    const broken = member.candidate.hard.map((name) => this.members.get(name)).find((need) => need?.state === 'failed');
    if (broken?.error != null) return this.fail(member, dependencyFailed(member.name, broken.name, broken.error));
    try {
      await work();
    } catch (thrown) {
      this.fail(member, stepError(member.name, step, thrown));
    }
  }

  private async register(member: Member): Promise<void> {
    const { plugin, name } = member;
    for (const [hook, handler] of Object.entries(plugin.hooks ?? {})) {
      if (typeof handler === 'function') this.addHandler(member, hook, handler as HookEntry['call'], {});
      else this.addHandler(member, hook, handler.handler as HookEntry['call'], handler);
    }
    member.open = true;
    try {
      await this.limited(member, 'register', plugin.register);
    } finally {
      member.open = false;
    }
    for (const capability of plugin.provides ?? []) {
      if (!member.scope.owns(createCapability(capability))) {
        throw new TaraError('TARA_PLUGIN_PROVIDES', { plugin: name, reason: `it names ${capability} in provides and did not provide it` });
      }
    }
    member.state = 'registered';
  }

  private async startOne(member: Member): Promise<void> {
    await this.limited(member, 'start', member.plugin.start);
    member.state = 'started';
    for (const entry of member.entries) this.registry.add(entry);
  }

  private async limited(member: Member, step: 'register' | 'start', call: Plugin['start']): Promise<void> {
    if (call === undefined) return;
    const ms = this.options.timeouts?.[step] ?? (step === 'start' ? 60_000 : 10_000);
    await withLimit(() => call(member.context), { ms, late: new TaraError('TARA_PLUGIN_START_TIMEOUT', { plugin: member.name, step, ms }) });
  }

  private fail(member: Member, error: TaraError): void {
    member.state = 'failed';
    member.error = error;
    this.release(member, error);
    this.log.error(error.message, { plugin: member.name, code: error.code });
    this.events.emit('plugin:failed', { plugin: member.name, code: error.code, message: error.message });
  }

  /** Ends what a plugin has going in the kernel. */
  private release(member: Member, reason: TaraError): void {
    this.registry.drop(member.name);
    this.bus.drop(member.name);
    member.controller.abort(reason);
  }

  private hookFailed(entry: HookEntry, error: TaraError): void {
    const member = this.members.get(entry.plugin);
    if (member !== undefined) {
      member.hookFailures += 1;
      member.error = error;
    }
    this.log.error(error.message, { plugin: entry.plugin, hook: entry.hook, code: error.code });
    this.events.emit('hook:failed', { plugin: entry.plugin, hook: entry.hook, code: error.code, message: error.message });
  }

  private async stopAll(): Promise<void> {
    await this.starting;
    for (const member of [...this.members.values()].reverse()) {
      const { state, name, plugin } = member;
      if (state === 'failed') continue;
      this.release(member, new TaraError('TARA_DISPOSED', { what: `plugin ${name}` }));
      try {
        if (state === 'started' && plugin.stop !== undefined) {
          const { stop } = plugin;
          const ms = this.options.timeouts?.stop ?? 10_000;
          await withLimit(() => stop(member.context), { ms, late: new TaraError('TARA_PLUGIN_STOP_TIMEOUT', { plugin: name, ms }) });
        }
        member.state = 'stopped';
      } catch (thrown) {
        this.fail(member, stepError(name, 'stop', thrown));
      }
    }
    for (const { token, close } of this.options.services ?? []) {
      await close?.().catch((thrown: unknown) => this.log.error(`service ${token.name} was not closed: ${reasonOf(thrown)}`));
    }
  }
}

const STEP_CODES = { register: 'TARA_PLUGIN_REGISTER_FAILED', start: 'TARA_PLUGIN_START_FAILED', stop: 'TARA_PLUGIN_STOP_FAILED' } as const;

/** What a plugin threw in a step; the kernel's own verdicts about it stay as they are. */
function stepError(plugin: string, step: keyof typeof STEP_CODES, thrown: unknown): TaraError {
  if (thrown instanceof TaraError && thrown.code.startsWith('TARA_PLUGIN_') && thrown.fields.plugin === plugin) return thrown;
  return new TaraError(STEP_CODES[step], { plugin, reason: reasonOf(thrown) }, { cause: thrown });
}
