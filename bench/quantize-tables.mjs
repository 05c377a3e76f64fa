/** Prints bench/results/quantize.json and quantize-kernels.json as the tables of docs/quantize-kernels.md and the README. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../scripts/lib.mjs';

const read = (name) => JSON.parse(readFileSync(join(ROOT, 'bench', 'results', `${name}.json`), 'utf8'));
const line = (cells) => `| ${cells.join(' | ')} |`;
const table = (head, rows) => [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
const x = (ratio) => (ratio === undefined ? '' : `${ratio.toFixed(1)}x`);
const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;
const seconds = (value) => (value === undefined ? '' : `${value.toFixed(value < 10 ? 2 : 1)} s`);

const kernels = read('quantize-kernels');
const isas = Object.keys(kernels.types[0].nanoseconds);
console.log(`Kernels, nanoseconds a value on one thread of ${kernels.machine.cpu}:\n`);
const fast = isas.slice(isas.indexOf('ggml') + 1);
const byType = (type, weighted) => kernels.types.find((row) => row.type === type && row.weighted === weighted)?.nanoseconds;
console.log(table(['type', ...[false, true].flatMap((weighted) => isas.flatMap((isa) => (fast.includes(isa) ? [`${isa}${weighted ? ', importance' : ''}`, ''] : [`${isa}${weighted ? ', importance' : ''}`])))], [...new Set(kernels.types.map(({ type }) => type))].map((type) => [
  type,
  ...[false, true].flatMap((weighted) => {
    const row = byType(type, weighted);
    return isas.flatMap((isa) => (fast.includes(isa) ? [row?.[isa].toFixed(1) ?? '', x(row && row.ggml / row[isa])] : [row?.[isa].toFixed(1) ?? '']));
  }),
])));

const files = read('quantize');
for (const [isa, { presets, weighted, smollm2, together }] of Object.entries(files.instructions)) {
  const rows = [
    ...presets.map((row) => [row.type, row]),
    ...weighted.map((row) => [`${row.type} with importance`, row]),
    ...(together ? [[`${together.types.join(', ')} in one pass`, together]] : []),
    ...smollm2.map((row) => [`SmolLM2-135M ${row.type}`, row]),
  ];
  console.log(`\nWhole processes with ${isa} on ${files.machine.cpu}, ${files.threads} threads, ${Math.round(files.parameters / 1e6)} million bf16 weights (${megabytes(files.bytes)}), medians of at most ${files.runs} pairs:\n`);
  console.log(table(
    ['preset', '`tara-gguf quantize`', 'llama-quantize', 'ratio', 'CPU time', 'peak memory', 'identical'],
    rows.map(([name, row]) => [name, seconds(row.seconds), seconds(row.llamaQuantizeSeconds), x(row.ratio), x(row.cpuRatio), megabytes(row.peakRssBytes), row.identical === undefined ? '' : row.identical ? 'yes' : 'no']),
  ));
}
