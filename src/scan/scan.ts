/** Files read once by the addon, on its own threads: SHA-256 and NaN scan together. */
import { startJob } from '../engine/jobs.js';

/** A tensor's bytes in its file. */
export interface ScanTensor {
  readonly name: string;
  /** A safetensors dtype or the name of a GGUF type; of quantized blocks the scales are looked at, whole numbers never. */
  readonly dtype: string;
  readonly offset: number;
  readonly bytes: number;
}

export interface ScanFile {
  /** A Buffer where the name is no UTF-8. */
  readonly path: string | Uint8Array;
  /** What the file must be: another size or time is TARA_FILE_CHANGED. */
  readonly bytes: number;
  readonly mtimeMs: number;
  /** In the order of their bytes, without overlap; empty for a file that is only hashed. */
  readonly tensors: readonly ScanTensor[];
}

export interface ScannedFile {
  /** Lower-case hex; empty without `hash`. */
  readonly sha256: string;
  /** Names of tensors that hold a NaN or an infinity. */
  readonly nonFinite: readonly string[];
}

export interface ScanOptions {
  /** False reads only the tensors (default: true). */
  readonly hash?: boolean | undefined;
  /** Files read at once (default: the cores). */
  readonly threads?: number | undefined;
  /** Hashes without the CPU's SHA instructions, for comparison. */
  readonly portable?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes done of all bytes, ten times a second at most. */
  readonly onProgress?: ((bytes: number, total: number) => void) | undefined;
}

/**
 * Reads the files, one to a thread. Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE or TARA_FILE_CHANGED for the first that
 * cannot be read as it was, TARA_ABORTED, and TARA_NATIVE_LOAD.
 */
export async function scanFiles(files: readonly ScanFile[], options: ScanOptions = {}): Promise<ScannedFile[]> {
  if (files.length === 0) return [];
  const { signal, onProgress, ...rest } = options;
  // Names may be any bytes but zero, which JSON cannot carry.
  const paths = Buffer.concat(files.flatMap(({ path }) => [typeof path === 'string' ? Buffer.from(path) : path, Buffer.of(0)]));
  const params = { ...rest, files: files.map(({ bytes, mtimeMs, tensors }) => ({ bytes, mtimeMs, spans: tensors.map(({ dtype, offset, bytes: length }) => [dtype, offset, length]) })) };
  const report = onProgress && ((progress: unknown) => {
    const { bytes, total } = progress as { bytes: number; total: number };
    onProgress(bytes, total);
  });
  const { data } = await startJob('scan.files', params, { blobs: [paths], signal, onProgress: report }).done;
  const { files: found } = data as { files: { sha256: string; notFinite: number[] }[] };
  return found.map(({ sha256, notFinite }, index) => ({ sha256, nonFinite: notFinite.map((span) => files[index]?.tensors[span]?.name ?? '') }));
}
