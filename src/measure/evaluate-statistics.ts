/**
 * What scored tokens' losses and divergences come to. Moments and percentiles as llama-perplexity takes them. A long text has
 * millions: they are gone through in pieces, and the event loop goes on in between.
 */
import { setImmediate } from 'node:timers/promises';
import { startJob } from '../engine/jobs.js';
import { TaraError } from '../errors.js';
import type { Against, KlDivergence, Perplexity } from './evaluate-types.js';

/** A number for each scored token, in the text's order. */
export interface Scored {
  /** -ln p of the token, in nats. */
  readonly losses: Float64Array;
  /** Bytes of text that the tokens stand for. */
  readonly bytes: number;
}

export interface Compared extends Scored {
  /** KL divergence from the reference, in nats. */
  readonly divergences: Float64Array;
  /** 1 where both find the same token most likely, else 0. */
  readonly sameTop: Float64Array;
}

interface Mean {
  readonly mean: number;
  /** Standard error, with the values taken as independent; 0 for fewer than two. */
  readonly error: number;
}

/** Values of a piece: less than a millisecond's work. */
const PIECE = 1 << 16;

async function inPieces(values: Float64Array, work: (piece: Float64Array, from: number) => void): Promise<void> {
  for (let from = 0; from < values.length; from += PIECE) {
    if (from > 0) await setImmediate();
    work(values.subarray(from, from + PIECE), from);
  }
}

export async function meanOf(values: Float64Array): Promise<Mean> {
  const { length } = values;
  let sum = 0;
  await inPieces(values, (piece) => { for (const value of piece) sum += value; });
  const mean = sum / length;
  let squares = 0;
  await inPieces(values, (piece) => { for (const value of piece) squares += (value - mean) * (value - mean); });
  return { mean, error: length > 1 ? Math.sqrt(squares / length / (length - 1)) : 0 };
}

/** The value below which a share of the ascending values lies, between two of them in proportion. */
export function percentile(ascending: Float64Array, share: number): number {
  const place = share * (ascending.length - 1);
  const below = Math.floor(place);
  const [low = Number.NaN, high = low] = ascending.subarray(below, below + 2);
  return low + (place - below) * (high - low);
}

/** Rejects with TARA_LOGITS_INVALID for losses beyond any number's logarithm. */
export async function perplexityOf({ losses, bytes }: Scored, chunks: number): Promise<Perplexity> {
  const { mean, error } = await meanOf(losses);
  const perplexity = Math.exp(mean);
  if (!Number.isFinite(perplexity)) throw new TaraError('TARA_LOGITS_INVALID');
  return { perplexity, perplexityError: perplexity * error, bitsPerByte: (mean * losses.length) / Math.LN2 / bytes, tokens: losses.length, chunks };
}

/** In ascending order; by native code, since a million values would hold up the event loop. */
async function sorted(values: Float64Array): Promise<Float64Array> {
  const { blob } = await startJob('measure.sorted', {}, { blobs: [new Uint8Array(values.buffer, values.byteOffset, values.byteLength)] }).done;
  return new Float64Array(blob ?? new ArrayBuffer(0));
}

async function klDivergence(divergences: Float64Array): Promise<KlDivergence> {
  const ascending = await sorted(divergences);
  const at = (share: number): number => percentile(ascending, share);
  return { ...(await meanOf(divergences)), median: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), p999: at(0.999), max: at(1), min: at(0) };
}

async function differences(a: Float64Array, b: Float64Array): Promise<Float64Array> {
  const all = new Float64Array(a.length);
  await inPieces(a, (piece, from) => piece.forEach((value, i) => { all[from + i] = value - (b[from + i] ?? Number.NaN); }));
  return all;
}

/** `reference`: the losses of the same tokens by the reference. */
export async function againstOf({ losses, divergences, sameTop }: Compared, reference: Float64Array): Promise<Against> {
  const same = await meanOf(sameTop);
  const base = await meanOf(reference);
  const referencePerplexity = Math.exp(base.mean);
  const difference = await meanOf(await differences(losses, reference));
  const perplexityRatio = Math.exp(difference.mean);
  return {
    kld: await klDivergence(divergences),
    topTokenAgreement: same.mean,
    topTokenAgreementError: same.error,
    referencePerplexity,
    referencePerplexityError: referencePerplexity * base.error,
    perplexityRatio,
    perplexityRatioError: perplexityRatio * difference.error,
    logPerplexityDifference: difference.mean,
    logPerplexityDifferenceError: difference.error,
  };
}

/** Mean of each of `chunks` equal parts. */
export async function chunkMeans(values: Float64Array, chunks: number): Promise<Float64Array> {
  const length = values.length / chunks;
  const means = new Float64Array(chunks);
  await inPieces(values, (piece, from) => piece.forEach((value, i) => { means[Math.floor((from + i) / length)] = (means[Math.floor((from + i) / length)] ?? 0) + value / length; }));
  return means;
}
