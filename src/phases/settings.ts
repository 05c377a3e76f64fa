/** The settings of a phase and the names in the registry: defaults, and the checks that every way in goes through. */
import { MERGE_METHODS } from '../convert/adapters/merge.js';
import { TaraError } from '../errors.js';
import { DOMAIN_STATUSES, type DomainStatus } from './lifecycle.js';

export const COMPRESSION_TYPES = ['standard', 'sparse', 'hybrid', 'distilled'] as const;
/** Those that the compressor searches for on an unquantized model, by measurement on calibration text. */
export const isSearched = (type: string): boolean => type === 'hybrid' || type === 'sparse';
export type CompressionType = (typeof COMPRESSION_TYPES)[number];

/** What a build becomes: one file with every adapter in it, one base and a LoRA for each domain, or a file for each domain. */
export const LAYOUTS = ['merged', 'adapters', 'per-domain'] as const;
export type Layout = (typeof LAYOUTS)[number];

/** How adapters become one; regmean rewrites them on calibration text, auto tries all on it. */
export const MERGES = [...MERGE_METHODS, 'regmean', 'auto'] as const;
export type MergeName = (typeof MERGES)[number];

export interface PhaseSettings {
  /** A preset or type name as llama-quantize spells it, such as Q4_K_M. */
  readonly quantization: string;
  readonly compressionType: CompressionType;
  /** Bytes the built file may have; null when nobody asked. */
  readonly targetSize: number | null;
  /** 0..1: the measured quality below which a build is refused; null when nobody asked. */
  readonly qualityThreshold: number | null;
  readonly speedPriority: boolean;
  /** Absolute path of the base model; null means the adapters or TARA_BASE name it. */
  readonly base: string | null;
  readonly layout: Layout;
  /** Of the merged layout. */
  readonly merge: MergeName;
}

export const DEFAULT_SETTINGS: PhaseSettings = {
  quantization: 'Q4_K_M', compressionType: 'standard', targetSize: null, qualityThreshold: null, speedPriority: false, base: null,
  layout: 'merged', merge: 'linear',
};

const DOMAIN_NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const MAX_METRICS_BYTES = 64 * 1024;
const MAX_METRICS_DEPTH = 32;

/** A phase number 1..9999 from a number or its decimal text; TARA_NAME_INVALID otherwise. */
export function phaseNumber(value: string | number): number {
  const text = String(value);
  const number = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
  if (number < 1) throw new TaraError('TARA_NAME_INVALID', { name: shown(text), what: 'phase number', rule: 'a whole number from 1 to 9999' });
  return number;
}

/** A domain's name in lower case; TARA_NAME_INVALID otherwise. */
export function domainName(value: string): string {
  const name = value.trim().toLowerCase();
  if (!DOMAIN_NAME.test(name)) {
    throw new TaraError('TARA_NAME_INVALID', { name: shown(value), what: 'domain name', rule: '1 to 64 of a-z, 0-9, _ and -, beginning with a letter or digit' });
  }
  return name;
}

/** Domain names of a list `a,b,c`; repeated names count once, an empty list is legal. */
export const domainNames = (list: string): string[] => [...new Set(list.split(',').filter((part) => part.trim() !== '').map(domainName))];

export function domainStatus(value: string): DomainStatus {
  return oneOf('--status', value.toLowerCase(), DOMAIN_STATUSES);
}

export function compressionType(value: string): CompressionType {
  return oneOf('--compression-type', value.toLowerCase(), COMPRESSION_TYPES);
}

export function layoutName(value: string): Layout {
  return oneOf('--layout', value.toLowerCase(), LAYOUTS);
}

export function mergeName(value: string): MergeName {
  return oneOf('--merge', value.toLowerCase(), MERGES);
}

/** The upper-case spelling of a quantization; whether such a preset exists is checked where presets are known. */
export function quantizationName(value: string): string {
  const name = value.trim().toUpperCase();
  if (!/^[A-Z][A-Z0-9_]{1,31}$/.test(name)) {
    throw new TaraError('TARA_OPTION_INVALID', { option: '--quantization', reason: `${shown(value)} is no name of a quantization such as Q4_K_M` });
  }
  return name;
}

/** A number 0..1 from a number or its decimal text; TARA_OPTION_INVALID naming the option otherwise. */
export function fraction(option: string, value: string | number): number {
  const text = String(value).trim();
  const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (!(number >= 0 && number <= 1)) throw new TaraError('TARA_OPTION_INVALID', { option, reason: `${shown(text)} is no number from 0 to 1` });
  return number;
}

/** A JSON object of at most 64 KiB and 32 levels; TARA_OPTION_INVALID otherwise. */
export function metricsObject(option: string, text: string): Record<string, unknown> {
  const refuse = (reason: string) => new TaraError('TARA_OPTION_INVALID', { option, reason });
  if (Buffer.byteLength(text) > MAX_METRICS_BYTES) throw refuse(`more than ${MAX_METRICS_BYTES} bytes of JSON`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw refuse(`not JSON (${thrown instanceof Error ? oneLine(thrown.message) : 'unreadable'})`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse('expected a JSON object such as {"loss": 1.2}');
  if (deeper(value, MAX_METRICS_DEPTH)) throw refuse(`nested more than ${MAX_METRICS_DEPTH} levels`);
  return value as Record<string, unknown>;
}

const oneOf = <T extends string>(option: string, value: string, known: readonly T[]): T => {
  const found = known.find((name) => name === value);
  if (found === undefined) throw new TaraError('TARA_OPTION_INVALID', { option, reason: `${shown(value)} is none of ${known.join(', ')}` });
  return found;
};

const deeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' && value !== null && (levels === 0 || Object.values(value).some((item) => deeper(item, levels - 1)));

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 120);
const shown = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
