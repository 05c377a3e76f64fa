/** Builds the addon with CMake; stamped with CPU, compiler, pin and sources, so that it is rebuilt when one changes. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cpuIdentity } from './cpu.mjs';
import { ROOT, fail, hashTree, readJson, run, step, versionOf } from './lib.mjs';
import { vendor } from './vendor.mjs';

const RELEASE = join(ROOT, 'build', 'Release');
const ADDON = join(RELEASE, 'tara_gguf.node');
const STAMP = join(RELEASE, 'tara_gguf.json');
const flag = (name) => (process.env[name] === '1' ? 'ON' : 'OFF');

/** Everything that decides the bytes of the addon. */
function identity(commit) {
  const compiler = versionOf(process.env.CXX ?? 'c++') ?? versionOf('cl', []);
  const cmake = versionOf('cmake');
  if (!compiler) fail('no C++ compiler was found. Install one: `apt install g++`, `xcode-select --install`, or Visual Studio Build Tools.');
  if (!cmake) fail('cmake was not found. Install it: `apt install cmake`, `brew install cmake`, or from cmake.org.');
  const portable = process.env.TARA_PORTABLE === '1';
  return {
    cpu: portable ? 'any' : cpuIdentity(),
    platform: `${process.platform}-${process.arch}`,
    compiler,
    cmake,
    llama: commit,
    options: { native: portable ? 'OFF' : 'ON', metal: flag('TARA_METAL'), cuda: flag('TARA_CUDA') },
    sources: hashTree(['native', 'CMakeLists.txt', 'scripts/build-native.mjs']),
  };
}

/** A build folder made for another CPU, compiler or pin cannot be continued: its objects would be mixed. */
const sameToolchain = (a, b) => ['cpu', 'platform', 'compiler', 'cmake', 'llama'].every((key) => a[key] === b[key]) && JSON.stringify(a.options) === JSON.stringify(b.options);

export function buildNative({ force = false } = {}) {
  const { dir, commit } = vendor();
  const wanted = identity(commit);
  const built = existsSync(STAMP) && existsSync(ADDON) ? readJson(STAMP) : undefined;
  if (!force && built && JSON.stringify(built) === JSON.stringify(wanted)) return false;

  const ccache = versionOf('ccache') !== undefined;
  step(`building the addon (${wanted.compiler}; some minutes the first time${ccache ? ', ccache in use' : ''})`);
  const verb = built === undefined || sameToolchain(built, wanted) ? 'compile' : 'rebuild';
  const define = (name, value) => `--CD${name}=${value}`;
  run(process.execPath, [
    join(ROOT, 'node_modules', 'cmake-js', 'bin', 'cmake-js'), verb,
    '--parallel', String(availableParallelism()),
    ...(versionOf('ninja') ? ['--generator', 'Ninja'] : []),
    define('LLAMA_CPP_DIR', dir),
    define('TARA_LLAMA_COMMIT', commit),
    define('TARA_NATIVE', wanted.options.native),
    define('TARA_METAL', wanted.options.metal),
    define('TARA_CUDA', wanted.options.cuda),
    ...(ccache ? [define('CMAKE_C_COMPILER_LAUNCHER', 'ccache'), define('CMAKE_CXX_COMPILER_LAUNCHER', 'ccache')] : []),
  ], {
    quiet: process.env.TARA_BUILD_LOG !== '1',
    env: { CCACHE_BASEDIR: ROOT, CCACHE_NOHASHDIR: '1', CCACHE_SLOPPINESS: 'time_macros,include_file_mtime,include_file_ctime' },
    advice: 'The lines above say why; TARA_BUILD_LOG=1 shows the whole build.',
  });
  if (!existsSync(ADDON)) fail(`the build ended without ${ADDON}.`);
  mkdirSync(RELEASE, { recursive: true });
  writeFileSync(STAMP, JSON.stringify(wanted));
  return true;
}

export const stampedCpu = () => (existsSync(STAMP) ? JSON.parse(readFileSync(STAMP, 'utf8')).cpu : undefined);

if (import.meta.url === pathToFileURL(process.argv[1]).href) buildNative({ force: process.argv.includes('--force') });
