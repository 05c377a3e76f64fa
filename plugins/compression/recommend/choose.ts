/** The choice among files of one model, measured or estimated: data first, then the wishes in turn. */

import { paretoFront } from 'tara-gguf';
import { TaraError } from 'tara-gguf/plugin';
import { MEMORY_SHARE, withinMemory } from '../memory.js';

/** A file that could be made of the model. What was neither measured nor estimated is null. */
export interface Option {
  readonly name: string;
  /** Of the whole file. */
  readonly bytes: number;
  readonly bitsPerWeight: number;
  /** Tensors by their real type. */
  readonly types: Readonly<Record<string, number>>;
  /** Mean KL divergence from the model, in nats. */
  readonly kld: number;
  /** Share of tokens for which it finds the same most likely successor as the model, 0..1. */
  readonly topTokenAgreement: number;
  readonly decodeTokensPerSecond: number | null;
  /** To load it and answer. */
  readonly memoryBytes: number | null;
}

export interface Wishes {
  /** Bytes of the file. */
  readonly targetSize: number | null;
  /** Bytes of the machine's memory. */
  readonly memory: number | null;
  /** Least top-token agreement, 0..1. */
  readonly qualityThreshold: number | null;
  readonly speedPriority: boolean;
}

export interface Choice<Item extends Option> {
  readonly choice: Item;
  readonly reasons: readonly string[];
  /** Names of the files than which no other is both smaller and closer to the model. */
  readonly front: readonly string[];
}

/** Speeds so close are the same: quality decides. */
const SAME_SPEED = 0.03;

/** What must fit into the memory: what answering took where it was measured, else the file. */
const memoryOf = ({ memoryBytes, bytes }: Option): number => memoryBytes ?? bytes;

const least = <Item>(items: readonly Item[], cost: (item: Item) => number): Item | undefined =>
  items.reduce<Item | undefined>((best, item) => (best === undefined || cost(item) < cost(best) ? item : best), undefined);

/** The files that fit. Throws TARA_COMPRESSION_BUDGET naming the smallest when none does. */
export function fitting<Item extends Pick<Option, 'name' | 'bytes'>>(options: readonly Item[], limit: number, sizeOf: (item: Item) => number = ({ bytes }) => bytes): Item[] {
  const fit = options.filter((option) => sizeOf(option) <= limit);
  if (fit.length > 0) return fit;
  const smallest = least(options, sizeOf);
  throw new TaraError('TARA_COMPRESSION_BUDGET', { budget: Math.floor(limit), preset: smallest?.name ?? 'none', bytes: smallest === undefined ? 0 : sizeOf(smallest) });
}

/** The fastest, and of those as good as equally fast the closest to the model; the smallest where no speed is known. */
function fastest<Item extends Option>(options: readonly Item[]): Item | undefined {
  const speed = Math.max(...options.map(({ decodeTokensPerSecond }) => decodeTokensPerSecond ?? 0));
  if (speed === 0) return least(options, ({ bytes }) => bytes);
  return least(options.filter(({ decodeTokensPerSecond }) => (decodeTokensPerSecond ?? 0) >= speed * (1 - SAME_SPEED)), ({ kld }) => kld);
}

/** The file that meets the wishes, and why. Throws TARA_COMPRESSION_BUDGET, TARA_QUALITY_UNREACHED. */
export function choose<Item extends Option>(options: readonly Item[], { targetSize, memory, qualityThreshold, speedPriority }: Wishes): Choice<Item> {
  const fit = fitting(fitting(options, targetSize ?? Infinity), withinMemory(memory), memoryOf);
  const good = qualityThreshold === null ? fit : fit.filter(({ topTokenAgreement }) => topTokenAgreement >= qualityThreshold);
  const choice = speedPriority ? fastest(good) : least(good, qualityThreshold === null ? ({ kld }) => kld : ({ bytes }) => bytes);
  if (choice === undefined) {
    const best = least(fit, ({ topTokenAgreement }) => -topTokenAgreement);
    throw new TaraError('TARA_QUALITY_UNREACHED', {
      wanted: `${((qualityThreshold ?? 0) * 100).toFixed(1)} % agreement`, bytes: Math.floor(Math.min(targetSize ?? Infinity, best?.bytes ?? Infinity)),
      agreement: Number(((best?.topTokenAgreement ?? 0) * 100).toFixed(1)), kld: Number((best?.kld ?? 0).toPrecision(3)),
    });
  }
  const first = speedPriority ? (choice.decodeTokensPerSecond === null ? 'the smallest: decoding reads the whole file for each token' : 'the fastest') : qualityThreshold === null ? 'the closest to the model' : 'the smallest';
  return {
    choice,
    reasons: [
      `${first} of the ${good.length} that meet the wishes`,
      ...(targetSize === null ? [] : [`at most ${targetSize} bytes`]),
      ...(memory === null ? [] : [`at most ${MEMORY_SHARE * 100} % of ${memory} bytes of memory`]),
      ...(qualityThreshold === null ? [] : [`the same most likely token as the model at least ${(qualityThreshold * 100).toFixed(1)} % of the time`]),
    ],
    front: paretoFront(options, ({ bytes }) => bytes, ({ kld }) => kld).map(({ name }) => name),
  };
}
