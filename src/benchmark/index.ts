/**
 * Benchmark: what each way to compress a model costs and keeps, measured: size, quality, speed, memory. report/ makes a page of it.
 * May import measure, convert, engine, formats, workers, page, errors, read-error, write-whole and the package's location.
 */
export { benchmark, planBenchmark } from './benchmark.js';
export { paretoFront } from './pareto.js';
export { DECODE_TOKENS, measureSpeed, PROMPT_TOKENS } from './speed.js';
export { writeReport } from './report.js';
export type { Benchmark, BenchmarkOptions, BenchmarkReference, BenchmarkRow, BenchmarkTensor, Candidate, CandidateFile, Speed } from './types.js';
