/** Writes the figures as one self-contained HTML page. */
import { writePage, type WritePageOptions } from '../page/index.js';
import type { Analytics } from './types.js';

/** Rejects with TARA_WRITE_FAILED, TARA_DISK_FULL, TARA_ABORTED. */
export const writeAnalytics = (path: string, analytics: Analytics, options?: WritePageOptions): Promise<void> => writePage(path, 'analytics/report/page', analytics, options);
