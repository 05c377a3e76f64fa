/**
 * Which quantized tensors are worth keeping: for every type the time to quantize a value with importance (CPU, one thread), and what
 * taking the tensor from a folder costs instead: the hash of its F16 source and of the kept file. The type is kept where the ratio is large.
 */
import { createHash } from 'node:crypto';
import { nativeCall, startJob } from '../dist/src/engine/jobs.js';
import { ggmlType, tensorBytes } from '../dist/src/index.js';
import { isKept } from '../dist/src/convert/reuse/kept.js';
import { WRITABLE_TYPES } from '../dist/src/plan/presets.js';
import { median, publish } from './lib.mjs';

const SHAPE = [2048, 256];
const SLOW = ['iq3_xxs', 'iq2_xxs', 'iq2_xs', 'iq2_s', 'iq1_s', 'iq1_m'];
const values = SHAPE[0] * SHAPE[1];
const isa = nativeCall('quant.isas').best;

let state = 7;
const uniform = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};
const weights = Float32Array.from({ length: values }, () => (uniform() + uniform() + uniform() - 1.5) * 0.05);
const importance = Float32Array.from({ length: SHAPE[0] }, () => 0.01 + uniform() ** 3);
const blobs = [weights, importance].map((floats) => new Uint8Array(floats.buffer));

async function encode(type) {
  const started = performance.now();
  const { data } = await startJob('quant.encode', { isa, type: ggmlType(type).id, cols: SHAPE[0] }, { blobs }).done;
  return { seconds: data.seconds, all: (performance.now() - started) / 1000 };
}

/** Seconds to hash so many bytes, as the store does. */
function hashed(bytes) {
  const data = Buffer.alloc(bytes, 1);
  const seconds = Array.from({ length: 9 }, () => {
    const started = performance.now();
    createHash('sha256').update(data).digest();
    return (performance.now() - started) / 1000;
  });
  return median(seconds);
}

const types = [];
for (const type of [...[...WRITABLE_TYPES].filter((one) => ggmlType(one).blockSize > 1), ...SLOW]) {
  const first = await encode(type);
  const seconds = median([first.seconds, (await encode(type)).seconds, (await encode(type)).seconds]);
  const take = hashed(2 * values) + hashed(tensorBytes(type, SHAPE));
  const result = { type, nanosecondsPerValue: (seconds / values) * 1e9, tableSeconds: Math.max(0, first.all - first.seconds), takeNanosecondsPerValue: (take / values) * 1e9, ratio: seconds / take, kept: isKept(type) };
  console.error(JSON.stringify(result));
  types.push(result);
}
publish('reuse', { isa, values, types });
