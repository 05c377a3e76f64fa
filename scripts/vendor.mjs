/** Brings llama.cpp's source to vendor/llama.cpp, checked against the pin in vendor/llama.cpp.json. */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, cacheDir, fail, readJson, run, step } from './lib.mjs';

export const pin = () => readJson(join(ROOT, 'vendor', 'llama.cpp.json'));

const integrityOf = (file) => `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`;

/** The pinned npm package, from the cache or the registry that npm is set up with. */
function fetchPackage({ package: name, version, integrity }) {
  const cached = join(cacheDir(), `${name}-${version}.tgz`);
  if (existsSync(cached) && integrityOf(cached) === integrity) return cached;
  mkdirSync(cacheDir(), { recursive: true });
  const scratch = mkdtempSync(join(cacheDir(), 'fetch-'));
  try {
    run('npm', ['pack', `${name}@${version}`, '--pack-destination', scratch, '--silent'], {
      quiet: true,
      advice: 'Check the network, or set LLAMA_CPP_DIR to a llama.cpp checkout.',
    });
    const file = join(scratch, `${name}-${version}.tgz`);
    if (integrityOf(file) !== integrity) fail(`${name}@${version} does not have the pinned integrity: nothing was used of it.`);
    renameSync(file, cached);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return cached;
}

/** Returns { dir, commit }: the source tree to build. */
export function vendor() {
  if (process.env.LLAMA_CPP_DIR) {
    const dir = process.env.LLAMA_CPP_DIR;
    if (!existsSync(join(dir, 'include', 'llama.h'))) fail(`LLAMA_CPP_DIR=${dir} is no llama.cpp checkout (include/llama.h is missing).`);
    return { dir, commit: `LLAMA_CPP_DIR ${dir}` };
  }
  const wanted = pin();
  const dir = join(ROOT, 'vendor', 'llama.cpp');
  const stamp = join(dir, '.tara-tree');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted.tree) return { dir, commit: wanted.commit };

  step(`vendoring llama.cpp ${wanted.tag} (${wanted.commit.slice(0, 10)})`);
  const archive = fetchPackage(wanted);
  const scratch = mkdtempSync(join(ROOT, 'vendor', '.fetch-'));
  try {
    copyFileSync(archive, join(scratch, 'package.tgz'));
    run('tar', ['-xzf', 'package.tgz', wanted.bundle], { cwd: scratch, quiet: true, advice: 'Install tar.' });
    run('git', ['clone', '-q', wanted.bundle, 'tree'], { cwd: scratch, quiet: true, advice: 'Install git: the source is a git bundle.' });
    const tree = run('git', ['rev-parse', 'HEAD^{tree}'], { cwd: join(scratch, 'tree'), quiet: true }).stdout.trim();
    if (tree !== wanted.tree) fail(`llama.cpp's tree is ${tree}, the pin says ${wanted.tree}: nothing was used of it.`);
    rmSync(join(scratch, 'tree', '.git'), { recursive: true, force: true });
    writeFileSync(join(scratch, 'tree', '.tara-tree'), wanted.tree);
    rmSync(dir, { recursive: true, force: true });
    renameSync(join(scratch, 'tree'), dir);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return { dir, commit: wanted.commit };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) vendor();
