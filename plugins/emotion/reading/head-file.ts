/** head.bin: the probe's vector, then for labels, mood and crisis the scales and biases (float32) and the rows (int8) of both layers. */

import { LEVELS, MOODS, outputsOf, type Head } from './model.js';
import type { Network } from './network.js';

export interface HeadShape {
  readonly dimensions: number;
  readonly experts: number;
  /** Of the networks for labels, mood and crisis. */
  readonly hidden: readonly number[];
}

const outputs = ({ experts }: HeadShape): number[] => [outputsOf(experts), MOODS, LEVELS];

const bytesOf = (part: Float32Array | Int8Array): Uint8Array => new Uint8Array(part.buffer, part.byteOffset, part.byteLength);

const partsOf = (network: Network): (Float32Array | Int8Array)[] => [network.firstScales, network.firstBias, network.secondScales, network.secondBias, network.first, network.second];

export const encodeHead = ({ probe, labels, mood, crisis }: Pick<Head, 'probe' | 'labels' | 'mood' | 'crisis'>): Buffer =>
  Buffer.concat([probe.vector, ...[labels, mood, crisis].flatMap(partsOf)].map(bytesOf));

/** Bytes of a head of this shape. */
export const headBytes = (shape: HeadShape): number =>
  outputs(shape).reduce((sum, count, network) => sum + 8 * ((shape.hidden[network] ?? 0) + count) + (shape.hidden[network] ?? 0) * (shape.dimensions + count), shape.dimensions * 4);

/** `bytes` has the length that headBytes says. */
export function decodeHead(bytes: Buffer, shape: HeadShape): Pick<Head, 'labels' | 'mood' | 'crisis'> & { readonly vector: Float32Array } {
  let at = 0;
  const take = (length: number): ArrayBuffer => bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + (at += length)) as ArrayBuffer;
  const floats = (count: number): Float32Array => new Float32Array(take(count * 4));
  const rows = (count: number): Int8Array => new Int8Array(take(count));
  const vector = floats(shape.dimensions);
  const [labels, mood, crisis] = outputs(shape).map((count, index): Network => {
    const hidden = shape.hidden[index] ?? 0;
    return {
      inputs: shape.dimensions, hidden, outputs: count,
      firstScales: floats(hidden), firstBias: floats(hidden), secondScales: floats(count), secondBias: floats(count), first: rows(hidden * shape.dimensions), second: rows(count * hidden),
    };
  }) as [Network, Network, Network];
  return { vector, labels, mood, crisis };
}
