/** A benchmark as a table in the terminal. */
import type { Benchmark, BenchmarkReference, BenchmarkRow, CandidateFile } from '../benchmark/index.js';
import { formatBytes, formatSeconds, printable } from './format.js';
import { table, type Column } from './table.js';

type Row = BenchmarkRow | BenchmarkReference;

const NONE = '-';
const digits = (value: number | null | undefined, count: number): string => (value == null ? NONE : value.toFixed(count));
const against = <T>(row: Row, value: (quality: BenchmarkRow['quality']) => T): T | null => ('kld' in row.quality ? value(row.quality) : null);

const FILE: readonly Column<CandidateFile>[] = [
  { title: 'bytes', align: 'right', value: ({ bytes }) => String(bytes) },
  { title: 'bits/w', align: 'right', value: ({ bitsPerWeight }) => bitsPerWeight.toFixed(2) },
];

/** `q5_0 x 120, q8_0 x 31` */
const typesLine = (types: Readonly<Record<string, number>>): string => Object.entries(types).sort((a, b) => b[1] - a[1]).map(([type, count]) => `${type} x ${count}`).join(', ');

const MATRIX: Column<Row> = { title: 'matrix', value: ({ imatrix }) => (imatrix ? 'yes' : NONE) };

const COLUMNS: readonly Column<Row>[] = [
  { title: '  name', value: (row) => `${'pareto' in row && row.pareto ? '*' : ' '} ${printable(row.name)}` },
  ...FILE,
  { title: 'KL', align: 'right', value: (row) => against(row, ({ kld }) => kld.mean.toPrecision(3)) ?? NONE },
  { title: '± error', align: 'right', value: (row) => against(row, ({ kld }) => kld.error.toPrecision(2)) ?? NONE },
  { title: 'top token', align: 'right', value: (row) => against(row, ({ topTokenAgreement }) => `${(topTokenAgreement * 100).toFixed(1)} %`) ?? NONE },
  { title: 'perplexity', align: 'right', value: ({ quality }) => quality.perplexity.toFixed(3) },
];

const SPEED: readonly Column<Row>[] = [
  { title: 'prompt t/s', align: 'right', value: ({ speed }) => digits(speed?.promptTokensPerSecond, 1) },
  { title: 'decode t/s', align: 'right', value: ({ speed }) => digits(speed?.decodeTokensPerSecond, 1) },
  { title: 'load ms', align: 'right', value: ({ speed }) => digits(speed?.loadMs, 0) },
  { title: 'memory', align: 'right', value: ({ speed }) => (speed === null ? NONE : formatBytes(speed.memoryBytes)) },
];

/** The front is marked. */
export const benchmarkTable = ({ rows, reference, contextSize, chunks, runs, threads, seconds }: Benchmark): string => [
  table<Row>([...COLUMNS, ...(runs > 0 ? SPEED : []), ...(rows.some(({ imatrix }) => imatrix) ? [MATRIX] : [])], [...rows, reference]),
  '',
  `* on the Pareto front: no file here is both smaller and closer to ${reference.name}. Measured on ${chunks} chunks of ${contextSize} tokens in ${formatSeconds(seconds)}${runs > 0 ? `; speed: ${threads} threads, median of ${runs} runs` : ''}.`,
].join('\n');

/** What would be measured. */
export const plannedTable = (files: readonly CandidateFile[]): string =>
  table<CandidateFile>([{ title: 'name', value: ({ name }) => printable(name) }, ...FILE, { title: 'tensors by type', value: ({ types }) => typesLine(types) }], files);
