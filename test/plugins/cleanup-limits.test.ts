/**
 * What a malformed file may cost: 2 seconds, and 64 MiB beyond what the command takes to start and say its version.
 * Time is that of the processor, which a busy machine does not lengthen.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const COMMAND = fileURLToPath(new URL('../../bin/tara-gguf.js', import.meta.url));
const OWN = fileURLToPath(new URL('../fixtures/malformed/', import.meta.url));
const SHARED = fileURLToPath(new URL('../../../shared/fixtures/malformed/', import.meta.url));
if (!existsSync(SHARED)) console.log('test/plugins/cleanup-limits: only the files of this repository, the shared fixtures are not beside it');

const MOST_MIB = 64;
const MOST_SECONDS = 2;

interface Cost {
  readonly mib: number;
  readonly seconds: number;
  readonly code: number;
}

let home = '';
beforeAll(() => { home = mkdtempSync(join(tmpdir(), 'tara-limits-')); });
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Runs the command line and asks the system what it took. */
async function costOf(...args: string[]): Promise<Cost> {
  const told = join(home, `cost-${args.join('-').replace(/\W/g, '_').slice(-100)}.json`);
  const tell = `data:text/javascript,import{writeFileSync}from'node:fs';process.on('exit',(code)=>{const{maxRSS,userCPUTime,systemCPUTime}=process.resourceUsage();writeFileSync(${JSON.stringify(told)},JSON.stringify({mib:maxRSS/1024,seconds:(userCPUTime+systemCPUTime)/1e6,code}))})`;
  await promisify(execFile)(process.execPath, ['--import', tell, COMMAND, ...args], { env: { ...process.env, TARA_HOME: join(home, 'home') } }).catch(() => undefined);
  return JSON.parse(readFileSync(told, 'utf8')) as Cost;
}

test('every malformed file, alone', async () => {
  const bare = (await costOf('--version')).mib;
  const folder = existsSync(SHARED) ? SHARED : OWN;
  const files = readdirSync(folder).filter((name) => /\.(gguf|safetensors)$/.test(name)).map((name) => join(folder, name));
  // A list of names that is as long as the file allows, beside what the corpus has.
  const long = join(home, 'long.safetensors');
  const header = Buffer.from(JSON.stringify(Object.fromEntries(Array.from({ length: 8000 }, (_, index) => [`t${index}`, { dtype: 'F32', shape: [0], data_offsets: [0, 0] }]))));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(long, Buffer.concat([length, header, Buffer.of(1)]));
  const queue = [...files, long].values();
  const wrong: string[] = [];
  const next = async (): Promise<void> => {
    for (const file of queue) {
      const { mib, seconds, code } = await costOf('verify', file, '--json');
      if (mib - bare > MOST_MIB || seconds > MOST_SECONDS || code > 1) wrong.push(`${file}: ${(mib - bare).toFixed(1)} MiB beyond ${bare.toFixed(1)}, ${seconds.toFixed(2)} s, exit ${code}`);
    }
  };
  await Promise.all([next(), next()]);
  expect(files.length).toBeGreaterThan(5);
  expect(wrong).toEqual([]);
}, 300_000);
