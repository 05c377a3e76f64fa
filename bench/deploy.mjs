/**
 * Deploying: one GGUF file of 1 GB into a fresh target, beside `cp` and `sha256sum` of the same file in the same run; the same
 * build again, which copies nothing; the switch; the rollback. Without the smoke test, which loads the model as any server does.
 * TARA_BENCH_DIR: a folder on the disk to measure.
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { createDeployer } from '../dist/plugins/deploy/deployer.js';
import { createWork } from '../dist/plugins/deploy/work.js';
import { sharedPool } from '../dist/src/index.js';
import { median, publish } from './lib.mjs';
import { encodeHeader } from '../dist/src/formats/index.js';

const RUNS = Number(process.env.TARA_BENCH_RUNS ?? 3);
/** 238 matrices as a model of 1 GB has them. */
const TENSORS = Array.from({ length: 238 }, (_, index) => ({ name: `blk.${index >> 3}.part_${index & 7}.weight`, ne: [1024, 2048], type: 'f16', bytes: 1024 * 2048 * 2, offset: index * 1024 * 2048 * 2 }));
const SMALL_FILES = 40;

const scratch = mkdtempSync(join(process.env.TARA_BENCH_DIR ?? tmpdir(), 'tara-bench-deploy-'));
const file = join(scratch, 'model.gguf');
const hooks = { parallel: async () => [], observe: async () => undefined };
const deployer = createDeployer({ hooks, work: createWork({ runInPool: (module, input, options) => sharedPool().run(String(module), input, options) }), keep: 5 });
const request = (target) => ({ phase: 1, target, files: [{ path: file, role: 'model' }], metadata: { domains: ['health'] } });

function writeModel(path) {
  const out = openSync(path, 'w');
  const header = encodeHeader({ metadata: [{ key: 'general.architecture', type: 'string', value: 'llama' }], tensors: TENSORS, alignment: 32 });
  writeSync(out, header);
  const chunk = randomBytes(TENSORS[0].bytes);
  for (let n = 0; n < TENSORS.length; n += 1) {
    chunk.writeUInt32LE(n, 0);
    writeSync(out, chunk);
  }
  closeSync(out);
}

const seconds = async (work) => {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
};
const shell = (command, ...args) => {
  const { status, stderr } = spawnSync('sh', ['-c', command, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
};
/** Pages that earlier steps left unwritten must not be written in the next one's time. */
const settle = () => shell('sync');

/** A target with several small releases, for what does not depend on size. */
async function switches(target) {
  const times = [];
  for (let n = 0; n < SMALL_FILES; n += 1) {
    const path = join(scratch, `small-${n}`);
    writeFileSync(path, `release ${n}`);
    times.push((await deployer.deploy({ ...request(target), files: [{ path, role: 'model' }] })).switchMs);
  }
  return times;
}

try {
  writeModel(file);
  const { size } = statSync(file);
  const gigabytes = size / 1e9;
  const runs = [];
  for (let n = 0; n < RUNS; n += 1) {
    const copy = join(scratch, 'copy');
    const target = join(scratch, `target-${n}`);
    const peer = async () => {
      settle();
      const copied = await seconds(() => shell('cp --reflink=never "$0" "$1"', file, copy));
      const synced = await seconds(() => shell('sync "$0"', copy));
      const hashed = await seconds(() => shell('sha256sum "$0"', copy));
      rmSync(copy);
      return { copied, synced, hashed };
    };
    const own = async () => {
      settle();
      return seconds(() => deployer.deploy(request(target)));
    };
    const [peers, first] = n % 2 === 0 ? [await peer(), await own()] : (await (async () => { const ours = await own(); return [await peer(), ours]; })());
    settle();
    const again = await seconds(() => deployer.deploy(request(target)));
    const verify = await seconds(() => deployer.verify(target));
    const rollback = await seconds(() => deployer.rollback(target));
    const { copied, synced, hashed } = peers;
    runs.push({ first, again, verify, rollback, copied, synced, hashed, ratio: first / (copied + hashed), ratioSynced: first / (copied + synced + hashed), againBeyondVerification: (again - verify) / gigabytes });
    rmSync(target, { recursive: true });
  }
  const of = (name) => median(runs.map((run) => run[name]));
  mkdirSync(join(scratch, 'small'));
  const switchMs = await switches(join(scratch, 'small'));
  publish('deploy', {
    task: 'deploying one GGUF file into a fresh target: copy while hashing, fsync, read back, hash every tensor, switch; without the smoke test', runs: RUNS, bytes: size,
    deploySeconds: of('first'), cpSeconds: of('copied'), syncSeconds: of('synced'), sha256sumSeconds: of('hashed'),
    ratioToCpAndSha256sum: of('ratio'), ratioToCpSyncAndSha256sum: of('ratioSynced'),
    redeploySeconds: of('again'), verifySeconds: of('verify'), redeployBeyondVerificationSecondsPerGB: of('againBeyondVerification'),
    rollbackSeconds: of('rollback'), switchMilliseconds: median(switchMs), switchMillisecondsMost: Math.max(...switchMs),
    targets: { ratio: 1.3, redeployBeyondVerificationSecondsPerGB: 1, switchMilliseconds: 5, rollbackSeconds: 1 },
  });
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
