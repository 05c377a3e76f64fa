/**
 * Scan: the typed face of native/scan, which reads files once for their SHA-256 and for numbers that are not finite,
 * and makes many written files durable at once.
 * May import engine (the addon's jobs) and errors.
 */
export { scanFiles, type ScanFile, type ScannedFile, type ScanOptions, type ScanTensor } from './scan.js';
export { syncFileSystem } from './sync.js';
