/** tara.config.mjs, .js or .json: which plugins to load, and their configuration. */

import { readFile, stat } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { z } from 'zod';
import { TaraError } from '../errors.js';
import type { PluginSource } from './checks.js';
import type { HostTimeouts } from './host-types.js';
import { importFile, loadPlugin } from './load.js';
import { reasonOf } from './reason.js';

export const CONFIG_FILES = ['tara.config.mjs', 'tara.config.js', 'tara.config.json'] as const;

/** A configuration is typed by hand; anything longer is some other file. */
const LONGEST_JSON = 1 << 20;

const milliseconds = z.number().positive();

const FILE = z.strictObject({
  plugins: z.array(z.union([z.string().min(1), z.looseObject({})], { error: 'must be a path, the name of a package, or a plugin' })).default([]),
  config: z.record(z.string(), z.unknown()).default({}),
  capabilities: z.record(z.string(), z.string()).default({}),
  disable: z.array(z.string()).default([]),
  embeddingModel: z.string().min(1).optional(),
  timeouts: z.strictObject({ register: milliseconds.optional(), start: milliseconds.optional(), stop: milliseconds.optional(), hook: milliseconds.optional() }).default({}),
});

/** What a tara.config exports; every field may be left out. */
export type ConfigFile = z.input<typeof FILE>;

export interface TaraConfig {
  /** The file that was read; null without one. */
  readonly path: string | null;
  /** Loaded plugins, and the errors of those that could not be loaded. */
  readonly plugins: readonly PluginSource[];
  /** By plugin name, not validated yet: the host does that by each plugin's schema. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The plugin to take a capability from. */
  readonly capabilities: Readonly<Record<string, string>>;
  /** Built-in plugins to leave out. */
  readonly disable: readonly string[];
  /** Absolute path of the GGUF that sentence embeddings come from; null where none is named. */
  readonly embeddingModel: string | null;
  readonly timeouts: HostTimeouts;
}

const NO_CONFIG: TaraConfig = { path: null, plugins: [], config: {}, capabilities: {}, disable: [], embeddingModel: null, timeouts: {} };

/**
 * The configuration of a folder and its plugins; an empty one where the folder has no such file.
 * Throws TARA_CONFIG_FILE_INVALID for a file that cannot be used. `file` names another file, which
 * must exist (else TARA_FILE_NOT_FOUND).
 */
export async function loadConfig(folder: string, options: { readonly file?: string } = {}): Promise<TaraConfig> {
  const path = options.file === undefined ? await findConfig(resolve(folder)) : resolve(folder, options.file);
  if (path === null) return NO_CONFIG;
  const parsed = FILE.safeParse(await readConfig(path));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(path, `${issue?.path.map(String).join('.') || 'the file'}: ${issue?.message ?? 'refused'}`);
  }
  const { plugins, timeouts, embeddingModel, ...rest } = parsed.data;
  const sources = plugins.map((plugin, index) => (typeof plugin === 'string' ? loadPlugin(plugin, dirname(path)) : { source: `plugins.${index} of tara.config`, value: plugin }));
  return { path, ...rest, embeddingModel: embeddingModel === undefined ? null : resolve(dirname(path), embeddingModel), timeouts: timeouts as HostTimeouts, plugins: await Promise.all(sources) };
}

const invalid = (path: string, reason: string, cause?: unknown) => new TaraError('TARA_CONFIG_FILE_INVALID', { path, reason: reasonOf(reason) }, { cause });

async function findConfig(folder: string): Promise<string | null> {
  const found: string[] = [];
  for (const name of CONFIG_FILES) if (await stat(join(folder, name)).then(() => true, () => false)) found.push(join(folder, name));
  const [path, other] = found;
  if (path !== undefined && other !== undefined) throw invalid(path, `${other} exists too; keep one of them`);
  return path ?? null;
}

async function readConfig(path: string): Promise<unknown> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new TaraError('TARA_FILE_NOT_FOUND', { path });
  if (!found.isFile()) throw invalid(path, 'it is no regular file');
  try {
    if (extname(path) !== '.json') {
      const module = await importFile(path);
      if (module.default === undefined) throw new TypeError('it has no default export');
      return module.default;
    }
    if (found.size > LONGEST_JSON) throw new RangeError(`it has ${found.size} bytes, more than ${LONGEST_JSON}`);
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (thrown) {
    throw invalid(path, reasonOf(thrown instanceof TaraError ? (thrown.fields.reason ?? thrown) : thrown), thrown);
  }
}
