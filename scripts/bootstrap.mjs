/** Everything between a fresh clone and a working command: packages, llama.cpp, addon, TypeScript. Fast when up to date. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, fail, hashTree, run, sha256, step } from './lib.mjs';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 17)) fail(`Node ${process.versions.node} is too old: 20.17 or later is needed.`);

/** Runs `work` unless the stamp file already holds `identity`. */
function once(stamp, identity, work) {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === identity) return;
  work();
  mkdirSync(join(stamp, '..'), { recursive: true });
  writeFileSync(stamp, identity);
}

const modules = sha256(readFileSync(join(ROOT, 'package-lock.json')) + process.platform + process.arch + major);
once(join(ROOT, 'node_modules', '.tara-stamp'), modules, () => {
  step('installing packages (npm ci)');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { quiet: true, advice: 'Check the network and npm\'s configuration.' });
});

const { buildNative } = await import('./build-native.mjs');
buildNative();

const PAGE = join('src', 'server', 'dashboard', 'page');
const sources = hashTree(['src', 'plugins', 'tsconfig.json', 'package-lock.json']);
once(join(ROOT, 'dist', '.tara-stamp'), sources, () => {
  step('compiling TypeScript');
  run(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json'], { advice: 'The lines above say why.' });
  // The dashboard's page goes out as it is written.
  cpSync(join(ROOT, PAGE), join(ROOT, 'dist', PAGE), { recursive: true });
});
