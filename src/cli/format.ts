/** Sizes, times and numbers for people, and sizes from people. */
import { TaraError } from '../errors.js';

const UNITS: Readonly<Record<string, number>> = {
  b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40, k: 1e3, m: 1e6, g: 1e9,
};

/** Bytes in decimal units: `88.2 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const power = Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(1)} ${['B', 'kB', 'MB', 'GB', 'TB'][power] ?? 'TB'}`;
}

/** Seconds: `0.42 s`, `12.3 s`, `3 min 5 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** A whole number of bytes from `88.2MB`, `1 GiB` or a bare number in `bare` units; TARA_OPTION_INVALID naming the option otherwise. */
export function parseSize(option: string, text: string, bare: 'B' | 'MB'): number {
  const match = /^\s*(\d+\.?\d*|\.\d+)\s*([a-z]*)\s*$/i.exec(text);
  const unit = match && UNITS[(match[2] || bare).toLowerCase()];
  const bytes = match && unit ? Math.round(Number(match[1]) * unit) : Number.NaN;
  if (!(bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER)) {
    throw new TaraError('TARA_OPTION_INVALID', { option, reason: `${JSON.stringify(text.slice(0, 80))} is no size such as 88.2MB or 88200000` });
  }
  return bytes;
}

/** A whole number in a range; TARA_OPTION_INVALID naming the option otherwise. */
export function parseCount(option: string, text: string, least: number, most: number): number {
  const number = /^\d{1,15}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!(number >= least && number <= most)) {
    throw new TaraError('TARA_OPTION_INVALID', { option, reason: `${JSON.stringify(text.slice(0, 80))} is no whole number from ${least} to ${most}` });
  }
  return number;
}

/** A finite number in a range; TARA_OPTION_INVALID naming the option otherwise. */
export function parseNumber(option: string, text: string, least: number, most: number): number {
  const number = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) ? Number(text) : Number.NaN;
  if (!(number >= least && number <= most)) {
    throw new TaraError('TARA_OPTION_INVALID', { option, reason: `${JSON.stringify(text.slice(0, 80))} is no number from ${least} to ${most}` });
  }
  return number;
}

/** Text from files and users, safe in a terminal: control characters (escape sequences too) become visible. */
export const printable = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
