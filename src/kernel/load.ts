/** Finds plugins by path or package name and imports them, and the commands that they name. */

import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { TaraError } from '../errors.js';
import type { PluginSource } from './checks.js';
import type { CommandModule } from './command.js';
import { withLimit } from './limit.js';
import { reasonOf } from './reason.js';

/** Milliseconds that the import of one plugin or configuration may take. */
const IMPORT_MS = 30_000;

/** Files that stand for a folder. */
const ENTRIES = ['index.mjs', 'index.js'];

/** Imports a file of this machine; a module that awaits for ever at its top level is given up. */
export const importFile = (path: string): Promise<Record<string, unknown>> =>
  withLimit(() => import(pathToFileURL(path).href) as Promise<Record<string, unknown>>, { ms: IMPORT_MS, late: new TaraError('TARA_INTERNAL', { reason: `not loaded within ${IMPORT_MS} ms` }) });

/**
 * The plugin that `specifier` names, seen from the folder `from`: a path (starting with a dot,
 * absolute, or a file: URL; a folder stands for its index.mjs or index.js) or a package. A failure
 * is part of the answer (TARA_PLUGIN_LOAD), so that the host can run the others.
 */
export async function loadPlugin(specifier: string, from: string): Promise<PluginSource> {
  try {
    const module = await importFile(await locate(specifier, from));
    const value = module.default;
    if (value === undefined) throw new TypeError('it has no default export');
    return { source: specifier, value };
  } catch (thrown) {
    const reason = reasonOf(thrown instanceof TaraError && thrown.code === 'TARA_INTERNAL' ? thrown.fields.reason : thrown);
    return { source: specifier, error: new TaraError('TARA_PLUGIN_LOAD', { plugin: specifier, reason }, { cause: thrown }) };
  }
}

async function locate(specifier: string, from: string): Promise<string> {
  const isPath = specifier.startsWith('.') || isAbsolute(specifier) || specifier.startsWith('file:');
  if (!isPath) return locatePackage(specifier, from);
  return entryOf(specifier.startsWith('file:') ? fileURLToPath(specifier) : resolve(from, specifier));
}

async function entryOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new Error('no such file or folder');
  if (!found.isDirectory()) return path;
  for (const entry of ENTRIES) if (await isFile(join(path, entry))) return join(path, entry);
  throw new Error(`the folder has no ${ENTRIES.join(' or ')}`);
}

const isFile = (path: string): Promise<boolean> => stat(path).then((found) => found.isFile(), () => false);

async function locatePackage(name: string, from: string): Promise<string> {
  try {
    return createRequire(join(from, 'tara.config.json')).resolve(name);
  } catch (thrown) {
    // require cannot see packages that export to import alone.
    const entry = await importEntry(name, from);
    if (entry === null) throw (thrown as { code?: unknown }).code === 'MODULE_NOT_FOUND' ? new Error('no such package is installed') : thrown;
    return entry;
  }
}

/** The file that `exports` of an installed package gives to import; null without one. */
async function importEntry(name: string, from: string): Promise<string | null> {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const root = join(folder, 'node_modules', name);
    const text = await readFile(join(root, 'package.json'), 'utf8').catch(() => null);
    if (text !== null) {
      const { exports } = JSON.parse(text) as { exports?: unknown };
      const target = importTarget(exports);
      return target === null ? null : join(root, target);
    }
    if (dirname(folder) === folder) return null;
  }
}

/** The target of the conditions `node`, `import` and `default`, at any depth. */
function importTarget(exports: unknown): string | null {
  if (typeof exports === 'string') return exports;
  if (typeof exports !== 'object' || exports === null) return null;
  const conditions = '.' in exports ? (exports as Record<string, unknown>)['.'] : exports;
  if (typeof conditions === 'string') return conditions;
  for (const [condition, target] of Object.entries(conditions ?? {})) {
    const found = ['node', 'import', 'default'].includes(condition) ? importTarget(target) : null;
    if (found !== null) return found;
  }
  return null;
}

/** A command's module. Throws TARA_PLUGIN_COMMAND_LOAD. */
export async function loadCommand(plugin: string, command: string, load: () => Promise<{ readonly default: CommandModule }>): Promise<CommandModule> {
  try {
    const { default: module } = await load();
    if (typeof module?.describe !== 'function' || typeof module.run !== 'function') throw new TypeError('its default export must have describe and run');
    return module;
  } catch (thrown) {
    throw new TaraError('TARA_PLUGIN_COMMAND_LOAD', { plugin, command, reason: reasonOf(thrown) }, { cause: thrown });
  }
}
