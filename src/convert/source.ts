/** How a plan pins the files it reads. */
import type { PlanSource } from '../plan/schema.js';

interface ReadHeader {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly headerHash: string;
}

export const pinned = (format: PlanSource['format'], { path, size, mtimeMs, headerHash }: ReadHeader): PlanSource => ({
  path,
  format,
  size,
  mtimeMs,
  headerHash,
});
