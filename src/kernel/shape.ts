/** The checks that one plugin can fail on its own: shape, apiVersion, kernel range, configuration. */

import semver from 'semver';
import { z } from 'zod';
import { TaraError } from '../errors.js';
import type { ConfigSchema, Plugin } from './plugin.js';
import { reasonOf } from './reason.js';
import { NAME_PATTERN } from './tokens.js';
import { KERNEL_VERSION, PLUGIN_API_VERSION } from './version.js';

const PLUGIN_NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;

const callable = z.custom<(...values: never[]) => unknown>((value) => typeof value === 'function', 'must be a function');
const pluginName = z.string().regex(PLUGIN_NAME, 'must be lower case letters and digits, parts joined by dashes');
const range = z.string().refine((text) => semver.validRange(text) !== null, 'must be a semver range');
const dependency = z.string().refine((text) => {
  const { name, range: wanted } = parseDependency(text);
  return NAME_PATTERN.test(name) && (wanted === null || semver.validRange(wanted) !== null);
}, 'must be a name, or name@range');
const order = z.enum(['pre', 'normal', 'post']);
const handler = z.union([callable, z.strictObject({ handler: callable, order: order.optional(), timeoutMs: z.number().positive().optional() })], {
  error: 'must be a function or { handler, order, timeoutMs }',
});

const SHAPE = z.strictObject({
  name: pluginName,
  version: z.string().refine((text) => semver.valid(text) !== null, 'must be a semver version'),
  kernel: range,
  apiVersion: z.number(),
  requires: z.array(dependency).optional(),
  optional: z.array(dependency).optional(),
  provides: z.array(z.string().regex(NAME_PATTERN, 'must be the name of a capability')).optional(),
  config: z.custom<ConfigSchema<unknown>>((value) => typeof (value as { safeParse?: unknown } | null)?.safeParse === 'function', 'must be a zod schema').optional(),
  commands: z.array(z.strictObject({ name: pluginName, description: z.string().min(1), load: callable })).optional(),
  hooks: z.record(z.string(), handler.optional()).optional(),
  hookPoints: z.record(z.string().regex(NAME_PATTERN), z.enum(['first', 'waterfall', 'parallel', 'observe'])).optional(),
  contributes: z.record(z.string().min(1), z.array(z.string().min(1))).optional(),
  register: callable.optional(),
  start: callable.optional(),
  stop: callable.optional(),
});

/** Splits `name@range`. */
export function parseDependency(text: string): { readonly name: string; readonly range: string | null } {
  const at = text.indexOf('@');
  return at === -1 ? { name: text, range: null } : { name: text.slice(0, at), range: text.slice(at + 1) };
}

/** One line of what is wrong first: `commands.0.name: must be …`. */
function issueLine(issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]): string {
  const [issue] = issues;
  if (issue === undefined) return 'refused without a reason';
  const path = issue.path.map(String).join('.');
  return reasonOf(path === '' ? issue.message : `${path}: ${issue.message}`);
}

/** The name that a value claims, for messages about it; `source` where it has none. */
export function claimedName(value: unknown, source: string): string {
  try {
    const { name } = value as { name?: unknown };
    return typeof name === 'string' && PLUGIN_NAME.test(name) ? name : source;
  } catch {
    return source;
  }
}

/** The plugin that a loaded value is. Throws TARA_PLUGIN_SHAPE, TARA_PLUGIN_API_VERSION or TARA_PLUGIN_KERNEL_RANGE. */
export function checkShape(value: unknown, source: string): Plugin {
  const plugin = claimedName(value, source);
  let copy: Record<string, unknown>;
  try {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError(`an object is expected, not ${Array.isArray(value) ? 'an array' : String(value === null ? null : typeof value)}`);
    // A copy, so that getters run once and here.
    copy = Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));
  } catch (thrown) {
    throw new TaraError('TARA_PLUGIN_SHAPE', { plugin, reason: reasonOf(thrown) }, { cause: thrown });
  }
  const parsed = SHAPE.safeParse(copy);
  // A plugin for another API may well have another shape: its version says more than the difference.
  if (typeof copy.apiVersion === 'number' && copy.apiVersion !== PLUGIN_API_VERSION) {
    throw new TaraError('TARA_PLUGIN_API_VERSION', { plugin, actual: copy.apiVersion, expected: PLUGIN_API_VERSION });
  }
  if (!parsed.success) throw new TaraError('TARA_PLUGIN_SHAPE', { plugin, reason: issueLine(parsed.error.issues) });
  for (const point of Object.keys(parsed.data.hookPoints ?? {})) {
    if (!point.startsWith(`${parsed.data.name}:`)) throw new TaraError('TARA_PLUGIN_SHAPE', { plugin, reason: `hookPoints.${point}: must start with ${parsed.data.name}:` });
  }
  if (!semver.satisfies(KERNEL_VERSION, parsed.data.kernel, { includePrerelease: true })) {
    throw new TaraError('TARA_PLUGIN_KERNEL_RANGE', { plugin, range: parsed.data.kernel, kernel: KERNEL_VERSION });
  }
  return Object.freeze({ ...parsed.data, ...boundSteps(value as Plugin, parsed.data) }) as Plugin;
}

/** register, start and stop, called on the author's own object: they may use `this`. */
const boundSteps = (owner: object, fields: z.output<typeof SHAPE>) =>
  Object.fromEntries((['register', 'start', 'stop'] as const).flatMap((step) => (fields[step] === undefined ? [] : [[step, fields[step].bind(owner)]])));

/** The validated configuration of a plugin. Throws TARA_PLUGIN_CONFIG. */
export function checkConfig(plugin: Plugin, value: unknown): unknown {
  const fail = (reason: string, cause?: unknown) => new TaraError('TARA_PLUGIN_CONFIG', { plugin: plugin.name, reason }, { cause });
  if (plugin.config === undefined) {
    if (value !== undefined) throw fail('it takes none');
    return undefined;
  }
  let parsed: ReturnType<ConfigSchema<unknown>['safeParse']>;
  try {
    parsed = plugin.config.safeParse(value ?? {});
  } catch (thrown) {
    throw fail(`its schema failed: ${reasonOf(thrown)}`, thrown);
  }
  if (!parsed.success) throw fail(issueLine(parsed.error.issues));
  return parsed.data;
}
