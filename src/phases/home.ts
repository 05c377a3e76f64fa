/** The state folder: where it is, what lies where in it, and removal that never leaves builds/. */
import { lstatSync, realpathSync, rmSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

export interface Home {
  /** Absolute path of the state folder (.tara). */
  readonly path: string;
  readonly registry: string;
  readonly builds: string;
  readonly cache: string;
}

/** The state folder: --home, else TARA_HOME, else .tara in the working directory. */
export function homeOf(options: { home?: string | undefined; env: Readonly<Record<string, string | undefined>>; cwd: string }): Home {
  return homeAt(resolve(options.cwd, options.home || options.env.TARA_HOME || '.tara'));
}

export const homeAt = (path: string): Home =>
  ({ path, registry: join(path, 'registry.db'), builds: join(path, 'builds'), cache: join(path, 'cache') });

/** A build's own folder, as stored: relative to builds/. */
export const buildFolder = (phase: number, build: number): string => `phase-${phase}/${build}`;

/** How a path is stored: relative to builds/ when inside, so that the state folder can be moved; else absolute. */
export function toStored(home: Home, path: string): string {
  const inside = relative(home.builds, path);
  return inside !== '' && !inside.startsWith('..') && !isAbsolute(inside) ? inside.split(sep).join('/') : path;
}

export const fromStored = (home: Home, stored: string): string => (isAbsolute(stored) ? stored : join(home.builds, stored));

/**
 * Removes a file or folder that a build's row lists. Does nothing, and says false, unless the path lies below
 * builds/ by name and after following every link of its parents: a row can be edited, a folder can be replaced by a link.
 */
export function removeBelowBuilds(home: Home, stored: string): boolean {
  if (isAbsolute(stored) || stored.split(/[\\/]/).some((part) => part === '..' || part === '.' || part === '')) return false;
  const path = join(home.builds, stored);
  try {
    const root = realpathSync(home.builds);
    const parent = realpathSync(dirname(path));
    if (parent !== root && !parent.startsWith(root + sep)) return false;
    lstatSync(path);
  } catch {
    return true;
  }
  rmSync(path, { recursive: true, force: true });
  return true;
}
