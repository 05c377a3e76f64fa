/** What scored tokens' losses and divergences come to. Moments and percentiles as llama-perplexity takes them. */
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

export function meanOf(values: Float64Array): Mean {
  const { length } = values;
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / length;
  let squares = 0;
  for (const value of values) squares += (value - mean) * (value - mean);
  return { mean, error: length > 1 ? Math.sqrt(squares / length / (length - 1)) : 0 };
}

/** The value below which a share of the ascending values lies, between two of them in proportion. */
export function percentile(ascending: Float64Array, share: number): number {
  const place = share * (ascending.length - 1);
  const below = Math.floor(place);
  const [low = Number.NaN, high = low] = ascending.subarray(below, below + 2);
  return low + (place - below) * (high - low);
}

/** Throws TARA_LOGITS_INVALID for losses beyond any number's logarithm. */
export function perplexityOf({ losses, bytes }: Scored, chunks: number): Perplexity {
  const { mean, error } = meanOf(losses);
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
  return { ...meanOf(divergences), median: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), p999: at(0.999), max: at(1), min: at(0) };
}

function differences(a: Float64Array, b: Float64Array): Float64Array {
  const all = a.slice();
  for (let i = 0; i < b.length; i++) all[i] = (a[i] ?? Number.NaN) - (b[i] ?? Number.NaN);
  return all;
}

/** `reference`: the losses of the same tokens by the reference. */
export async function againstOf({ losses, divergences, sameTop }: Compared, reference: Float64Array): Promise<Against> {
  const same = meanOf(sameTop);
  const base = meanOf(reference);
  const referencePerplexity = Math.exp(base.mean);
  const difference = meanOf(differences(losses, reference));
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
export function chunkMeans(values: Float64Array, chunks: number): Float64Array {
  const length = values.length / chunks;
  return Float64Array.from({ length: chunks }, (_, chunk) => meanOf(values.subarray(chunk * length, (chunk + 1) * length)).mean);
}
