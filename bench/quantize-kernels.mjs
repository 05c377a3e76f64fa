/**
 * Kernels alone, one thread: nanoseconds a value for each type and instruction set beside ggml's scalar code on ordinary weights, and the
 * bytes of at least 50 million values a type compared: ordinary ones, and ones of any scale, with zeros, outliers and any bits.
 * TARA_BENCH_VALUES: values a type. TARA_BENCH_TYPES: some types only. Writes bench/results/quantize-kernels.json and .svg.
 */
import { nativeCall, startJob } from '../dist/src/engine/jobs.js';
import { ggmlType } from '../dist/src/formats/index.js';
import { machine, median, publish } from './lib.mjs';
import { plot } from './plot.mjs';

const TYPES = ['q4_k', 'q6_k', 'q2_k', 'q3_k', 'q5_k', 'q4_0', 'q4_1', 'q5_0', 'q5_1', 'q8_0', 'iq4_nl', 'iq4_xs'];
const COLS = 1024;
const CHUNK = 1 << 20;
const VALUES = Number(process.env.TARA_BENCH_VALUES ?? 50e6);
const types = process.env.TARA_BENCH_TYPES?.split(',') ?? TYPES;
const { available, best } = nativeCall('quant.isas');
const isas = available.filter((isa) => isa !== 'ggml');

let state = 2463534242;
function word() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}
const unit = () => word() / 2 ** 32;
const bell = () => unit() + unit() + unit() + unit() + unit() + unit() - 3;

/** Fills a chunk; the first kind is what models hold and what is timed. */
const KINDS = [
  (into) => into.forEach((_, i) => { into[i] = bell() * 0.04 * (word() % 500 === 0 ? 10 : 1); }),
  (into) => { let scale = 1; into.forEach((_, i) => { if (i % 16 === 0) scale = 10 ** (8 * unit() - 7); into[i] = bell() * scale; }); },
  (into) => into.forEach((_, i) => { into[i] = word() % 8 < 6 ? 0 : bell(); }),
  (into) => into.forEach((_, i) => { into[i] = Math.round(bell() * 20) / 8; }),
  (into) => { const bits = new Uint32Array(into.buffer); bits.forEach((_, i) => { bits[i] = word() % 64 === 0 ? word() : 0x3c000000 + (word() & 0x83ffffff); }); },
];
const importanceKinds = [() => bell() ** 2 + 1e-3, () => (word() % 3 === 0 ? 0 : bell() ** 2), () => 10 ** (20 * unit() - 10)];

const bytesOf = (values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

async function encode(isa, type, blobs) {
  const { data, blob } = await startJob('quant.encode', { isa, type: ggmlType(type).id, cols: COLS }, { blobs }).done;
  return { seconds: data.seconds, bytes: Buffer.from(blob) };
}

const rows = [];
const values = new Float32Array(CHUNK);
for (const type of types) {
  for (const weighted of type === 'q8_0' ? [false] : [false, true]) {
    const seconds = Object.fromEntries(available.map((isa) => [isa, []]));
    const different = Object.fromEntries(isas.map((isa) => [isa, 0]));
    const chunks = Math.ceil(VALUES / CHUNK);
    for (let chunk = 0; chunk < chunks; chunk += 1) {
      const kind = chunk % 2 === 0 ? 0 : (chunk >> 1) % KINDS.length;
      KINDS[kind](values);
      const blobs = [bytesOf(values)];
      const importanceKind = kind === 0 ? 0 : chunk % importanceKinds.length;
      if (weighted) blobs.push(bytesOf(Float32Array.from({ length: COLS }, importanceKinds[importanceKind])));
      const expected = await encode('ggml', type, blobs);
      if (kind === 0) seconds.ggml.push(expected.seconds);
      for (const isa of isas) {
        const got = await encode(isa, type, blobs);
        if (kind === 0) seconds[isa].push(got.seconds);
        if (!got.bytes.equals(expected.bytes)) different[isa] += 1;
      }
    }
    const nanoseconds = Object.fromEntries(available.map((isa) => [isa, Number(((median(seconds[isa]) / CHUNK) * 1e9).toFixed(3))]));
    const row = { type, weighted, values: chunks * CHUNK, nanoseconds, ratio: Number((nanoseconds.ggml / nanoseconds[best]).toFixed(2)), chunksThatDiffer: different };
    console.error(JSON.stringify(row));
    rows.push(row);
  }
}
publish('quantize-kernels', { best, types: rows });
plot('quantize-kernels', {
  title: `Quantization kernels (${best}): times as fast as ggml, one thread`,
  note: `${machine().cpu}; the bytes of ${Math.round(VALUES / 1e6)} million values a bar are the same`,
  unit: 'x', series: ['without importance', 'with importance'],
  rows: types.map((type) => ({ label: type.toUpperCase(), values: [false, true].map((weighted) => rows.find((row) => row.type === type && row.weighted === weighted)?.ratio) })),
});
