/** Writes a benchmark as one self-contained HTML page. */
import { writePage, type WritePageOptions } from '../page/index.js';
import type { Benchmark } from './types.js';

/** Rejects with TARA_WRITE_FAILED, TARA_DISK_FULL, TARA_ABORTED. */
export const writeReport = (path: string, benchmark: Benchmark, options?: WritePageOptions): Promise<void> => writePage(path, 'benchmark/report/page', benchmark, options);
