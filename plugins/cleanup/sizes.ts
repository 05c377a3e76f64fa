/** Sizes as people write them. */
import { TaraError } from 'tara-gguf/plugin';

const UNITS: Readonly<Record<string, number>> = { '': 1, B: 1, K: 1e3, KB: 1e3, M: 1e6, MB: 1e6, G: 1e9, GB: 1e9, KIB: 1024, MIB: 1024 ** 2, GIB: 1024 ** 3 };

/** `80000`, `2GB`, `1.5GiB` in bytes. Throws TARA_OPTION_INVALID. */
export function parseBytes(option: string, text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const factor = UNITS[unit.toUpperCase()];
  if (number === '' || factor === undefined) throw new TaraError('TARA_OPTION_INVALID', { option, reason: `${JSON.stringify(text.slice(0, 40))} is no size such as 80000, 2GB or 1.5GiB` });
  return Math.floor(Number(number) * factor);
}
