/** What the build scripts share: running a command, hashing files, one-line failures. Needs only Node. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Ends the script with one line that says what failed and what to do. */
export function fail(message) {
  console.error(`tara-gguf setup: ${message}`);
  process.exit(1);
}

export const step = (message) => console.error(`tara-gguf setup: ${message}`);

/** Runs a command; returns its result, or fails with `advice` when the program is missing or exits non-zero. */
export function run(command, args, { advice, env, cwd = ROOT, quiet = false } = {}) {
  const result = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', quiet ? 'pipe' : 2, quiet ? 'pipe' : 2],
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    shell: process.platform === 'win32' && command === 'npm',
  });
  if (result.error?.code === 'ENOENT') fail(`\`${command}\` was not found. ${advice ?? ''}`);
  if (result.status !== 0) {
    if (quiet) console.error(`${result.stdout ?? ''}${result.stderr ?? ''}`.split('\n').slice(-30).join('\n'));
    fail(`\`${command} ${args.slice(0, 3).join(' ')}\` failed (exit ${result.status ?? result.signal}). ${advice ?? ''}`);
  }
  return result;
}

/** A command's first output line, or undefined where it does not exist. */
export function versionOf(command, args = ['--version']) {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  return result.status === 0 ? result.stdout.split('\n')[0].trim() : undefined;
}

export const sha256 = (data) => createHash('sha256').update(data).digest('hex');

/** One hash over the names and contents of files below some paths. */
export function hashTree(paths, { skip = () => false } = {}) {
  const hash = createHash('sha256');
  const visit = (path) => {
    if (!existsSync(path) || skip(path)) return;
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) visit(join(path, name));
    } else {
      hash.update(relative(ROOT, path)).update('\0').update(readFileSync(path)).update('\0');
    }
  };
  for (const path of paths) visit(join(ROOT, path));
  return hash.digest('hex');
}

export const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** The user's cache folder for things that a fresh clone need not fetch or build again. */
export const cacheDir = () =>
  join(process.env.TARA_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tara-gguf'));
