/** Sizes, shares and switches as a user types them. */

import { TaraError } from 'tara-gguf/plugin';

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1e3, kb: 1e3, m: 1e6, mb: 1e6, g: 1e9, gb: 1e9, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3 };

const quoted = (text: string): string => JSON.stringify(text.slice(0, 80));

/** Bytes from `88.2MB`, `1 GiB` or a bare number of bytes. */
export function parseBytes(option: string, text: string): number {
  const [, digits = '', unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = UNITS[unit.toLowerCase()];
  const bytes = Math.floor(Number(digits) * (factor ?? Number.NaN));
  if (digits === '' || !Number.isSafeInteger(bytes) || bytes <= 0) throw new TaraError('TARA_OPTION_INVALID', { option, reason: `${quoted(text)} is no size such as 88.2MB or 88200000` });
  return bytes;
}

/** 0..1 from `0.85` or `85%`. */
export function parseFraction(option: string, text: string): number {
  const value = /^\s*\d+(\.\d+)?\s*%\s*$/.test(text) ? Number.parseFloat(text) / 100 : Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new TaraError('TARA_OPTION_INVALID', { option, reason: `${quoted(text)} is neither 0 to 1 nor a percentage` });
  return value;
}

/** An option that is given alone, or with `on` or `off`. */
export function parseSwitch(option: string, value: unknown): boolean {
  if (value === undefined || value === false || value === 'off') return false;
  if (value === true || value === 'on') return true;
  throw new TaraError('TARA_OPTION_INVALID', { option, reason: `${quoted(String(value))} is neither on nor off` });
}

/** A whole number in a range. */
export function parseCount(option: string, text: string, fewest: number, most: number): number {
  const count = /^\s*\d{1,9}\s*$/.test(text) ? Number(text) : Number.NaN;
  if (!(count >= fewest && count <= most)) throw new TaraError('TARA_OPTION_INVALID', { option, reason: `${quoted(text)} is no whole number from ${fewest} to ${most}` });
  return count;
}
