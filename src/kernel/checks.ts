/**
 * The checks before anything of a plugin runs, in this order: shape, apiVersion, kernel range,
 * duplicate, configuration, dependencies, cycles, clashes of capabilities, commands and hooks.
 * A plugin that fails one is left out with its error, and so is what requires it.
 */

import semver from 'semver';
import { asTaraError, TaraError } from '../errors.js';
import { orderGraph } from './graph.js';
import { CORE_HOOKS } from './hook-table.js';
import type { Plugin } from './plugin.js';
import { reasonOf } from './reason.js';
import { checkConfig, checkShape, claimedName, parseDependency } from './shape.js';

/** A plugin as it was found: a value to check, or the reason why there is none. */
export interface PluginSource {
  /** Where it comes from: a path, a package, `built in`. */
  readonly source: string;
  readonly value?: unknown;
  readonly error?: TaraError;
}

export interface CheckOptions {
  /** Configuration by plugin name. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The plugin to take a capability from, by capability. */
  readonly choices: Readonly<Record<string, string>>;
  /** Capabilities that the kernel's owner provides itself, as a fallback. */
  readonly fallbacks: ReadonlySet<string>;
  /** Names of commands that are taken. */
  readonly reservedCommands: ReadonlySet<string>;
}

export interface Candidate {
  readonly name: string;
  readonly source: string;
  /** Null when the value is no plugin at all. */
  readonly plugin: Plugin | null;
  config: unknown;
  error: TaraError | null;
  /** Names of the plugins it cannot run without. */
  hard: readonly string[];
  /** Names of the plugins it uses where they run. */
  soft: readonly string[];
}

/** A candidate that is a plugin and has failed nothing so far. */
type Sound = Candidate & { readonly plugin: Plugin };

export interface Checked {
  readonly candidates: readonly Candidate[];
  /** Sound plugins in start order. */
  readonly order: readonly string[];
  /** The plugin that provides a capability. */
  readonly providers: ReadonlyMap<string, string>;
  /** What in the configuration has no effect. */
  readonly problems: readonly TaraError[];
}

const isSound = (candidate: Candidate): candidate is Sound => candidate.error === null && candidate.plugin !== null;

export function checkPlugins(sources: readonly PluginSource[], options: CheckOptions): Checked {
  const candidates = sources.map(readCandidate);
  refuseDuplicates(candidates);
  for (const candidate of candidates.filter(isSound)) attempt(candidate, () => (candidate.config = checkConfig(candidate.plugin, own(options.config, candidate.name))));
  const providers = chooseProviders(candidates, options.choices);
  const byName = new Map<string, Candidate>();
  for (const candidate of candidates) if (!byName.has(candidate.name)) byName.set(candidate.name, candidate);
  for (const candidate of candidates.filter(isSound)) resolveDependencies(candidate, byName, providers, options.fallbacks);
  failDependants(candidates, byName);
  refuseCycles(candidates);
  refuseClashes(candidates, providers, options);
  failDependants(candidates, byName);
  const sound = candidates.filter(isSound);
  const names = new Set(sound.map((candidate) => candidate.name));
  for (const candidate of sound) candidate.soft = candidate.soft.filter((name) => names.has(name));
  const { order } = orderGraph(new Map(sound.map((candidate) => [candidate.name, [...candidate.hard, ...candidate.soft]])));
  return {
    candidates,
    order,
    providers: new Map([...providers].filter(([, name]) => names.has(name))),
    problems: [...unusedConfig(candidates, options.config), ...wrongChoices(candidates, options.choices)],
  };
}

const own = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined => (Object.hasOwn(record, key) ? record[key] : undefined);

function attempt(candidate: Candidate, check: () => void): void {
  try {
    check();
  } catch (thrown) {
    candidate.error = asTaraError(thrown);
  }
}

function readCandidate({ source, value, error }: PluginSource): Candidate {
  const blank = { source, config: undefined, hard: [], soft: [] };
  if (error !== undefined) return { ...blank, name: source, plugin: null, error };
  try {
    const plugin = checkShape(value, source);
    return { ...blank, name: plugin.name, plugin, error: null };
  } catch (thrown) {
    return { ...blank, name: claimedName(value, source), plugin: null, error: asTaraError(thrown) };
  }
}

function refuseDuplicates(candidates: readonly Candidate[]): void {
  const seen = new Set<string>();
  for (const candidate of candidates) {
    if (isSound(candidate) && seen.has(candidate.name)) candidate.error = new TaraError('TARA_PLUGIN_DUPLICATE', { plugin: candidate.name });
    seen.add(candidate.name);
  }
}

function chooseProviders(candidates: readonly Candidate[], choices: Readonly<Record<string, string>>): Map<string, string> {
  const providers = new Map<string, string>();
  for (const { name, plugin } of candidates.filter(isSound)) {
    for (const capability of plugin.provides ?? []) {
      if (own(choices, capability) === name || !providers.has(capability)) providers.set(capability, name);
    }
  }
  return providers;
}

/** Whether a bare name is a capability, a plugin or nothing; a name with a range is a plugin. */
function resolveDependencies(candidate: Sound, byName: ReadonlyMap<string, Candidate>, providers: ReadonlyMap<string, string>, fallbacks: ReadonlySet<string>): void {
  const hard: string[] = [];
  const soft: string[] = [];
  const { plugin } = candidate;
  for (const [texts, into] of [[plugin.requires ?? [], hard], [plugin.optional ?? [], soft]] as const) {
    for (const text of texts) {
      const { name, range } = parseDependency(text);
      const found = byName.get((range === null ? providers.get(name) : undefined) ?? name);
      const version = found?.plugin?.version;
      if (found === undefined) {
        if (into === hard && !(range === null && fallbacks.has(name))) candidate.error ??= missing(candidate, text, 'which is not loaded');
      } else if (range !== null && version !== undefined && !semver.satisfies(version, range, { includePrerelease: true })) {
        if (into === hard) candidate.error ??= missing(candidate, text, `but its version is ${version}`);
      } else {
        into.push(found.name);
      }
    }
  }
  candidate.hard = hard;
  candidate.soft = soft.filter((name) => !hard.includes(name));
}

const missing = (candidate: Candidate, dependency: string, reason: string) => new TaraError('TARA_PLUGIN_DEPENDENCY_MISSING', { plugin: candidate.name, dependency, reason });

/** The error of a plugin whose requirement failed. */
export const dependencyFailed = (plugin: string, dependency: string, cause: TaraError) =>
  new TaraError('TARA_PLUGIN_DEPENDENCY_FAILED', { plugin, dependency, reason: reasonOf(cause) }, { cause });

function failDependants(candidates: readonly Candidate[], byName: ReadonlyMap<string, Candidate>): void {
  for (let changed = true; changed; ) {
    changed = false;
    for (const candidate of candidates.filter(isSound)) {
      const failed = candidate.hard.map((name) => byName.get(name)).find((need) => need?.error != null);
      if (failed?.error == null) continue;
      candidate.error = dependencyFailed(candidate.name, failed.name, failed.error);
      changed = true;
    }
  }
}

function refuseCycles(candidates: readonly Candidate[]): void {
  const sound = new Map(candidates.filter(isSound).map((candidate) => [candidate.name, candidate]));
  const needs = new Map([...sound].map(([name, { hard, soft }]) => [name, [...hard, ...soft].filter((need) => sound.has(need))]));
  for (const [name, cycle] of orderGraph(needs).cycles) {
    const candidate = sound.get(name);
    if (candidate !== undefined) candidate.error = new TaraError('TARA_PLUGIN_CYCLE', { plugin: name, cycle: cycle.join(' -> ') });
  }
}

function refuseClashes(candidates: readonly Candidate[], providers: ReadonlyMap<string, string>, options: CheckOptions): void {
  const commands = new Map([...options.reservedCommands].map((name) => [name, 'the core']));
  const points = new Map<string, string>(Object.keys(CORE_HOOKS).map((name) => [name, 'the core']));
  for (const candidate of candidates.filter(isSound)) {
    const { name, plugin } = candidate;
    for (const capability of plugin.provides ?? []) {
      const other = providers.get(capability);
      // A choice in the configuration settles it: who was not chosen runs without the capability.
      if (other !== undefined && other !== name && own(options.choices, capability) !== other) {
        candidate.error ??= new TaraError('TARA_PLUGIN_CAPABILITY_CLASH', { plugin: name, other, capability });
      }
    }
    for (const { name: command } of plugin.commands ?? []) {
      const other = commands.get(command);
      if (other !== undefined) candidate.error ??= new TaraError('TARA_PLUGIN_COMMAND_CLASH', { plugin: name, command, other });
    }
    for (const hook of Object.keys(plugin.hookPoints ?? {})) {
      const other = points.get(hook);
      if (other !== undefined) candidate.error ??= new TaraError('TARA_PLUGIN_HOOK_CLASH', { plugin: name, hook, other });
    }
    if (candidate.error !== null) continue;
    for (const { name: command } of plugin.commands ?? []) commands.set(command, name);
    for (const hook of Object.keys(plugin.hookPoints ?? {})) points.set(hook, name);
  }
  for (const candidate of candidates.filter(isSound)) {
    const unknown = Object.keys(candidate.plugin.hooks ?? {}).find((hook) => !points.has(hook) && !mayBeAbsent(candidate.plugin, hook));
    if (unknown !== undefined) candidate.error = new TaraError('TARA_PLUGIN_HOOK_UNKNOWN', { plugin: candidate.name, hook: unknown });
  }
}

/** Whether a hook that nobody declares belongs to a plugin that is used only where present. */
export const mayBeAbsent = (plugin: Plugin, hook: string): boolean =>
  (plugin.optional ?? []).some((text) => parseDependency(text).name === hook.slice(0, Math.max(0, hook.indexOf(':'))));

function unusedConfig(candidates: readonly Candidate[], config: Readonly<Record<string, unknown>>): TaraError[] {
  const names = new Set(candidates.map((candidate) => candidate.name));
  return Object.keys(config)
    .filter((name) => !names.has(name))
    .map((name) => new TaraError('TARA_CONFIG_UNUSED', { key: `config.${name}`, reason: 'no plugin has this name' }));
}

function wrongChoices(candidates: readonly Candidate[], choices: Readonly<Record<string, string>>): TaraError[] {
  return Object.entries(choices)
    .filter(([capability, name]) => !candidates.some((candidate) => candidate.name === name && candidate.plugin?.provides?.includes(capability) === true))
    .map(([capability, name]) => new TaraError('TARA_CONFIG_UNUSED', { key: `capabilities.${capability}`, reason: `no plugin ${name} provides it` }));
}
