/** Many small files made durable at once: one call for a file system in place of one for each file. */
import { startJob } from '../engine/jobs.js';

/**
 * Waits until everything that was written to the folder's file system is on its disk. Throws TARA_DISK_FULL or TARA_WRITE_FAILED
 * where writing back failed (on Linux, which says so), and TARA_NATIVE_LOAD.
 */
export async function syncFileSystem(folder: string): Promise<void> {
  await startJob('files.sync', { folder }).done;
}
