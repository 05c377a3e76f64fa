/** head.bin: the probe's vector, then for labels, mood and crisis the scales and biases (float32) and the rows (int8) of both layers. */

import { EMOTIONS } from 'tara-gguf/plugin';
import { LEVELS, MOODS, type Head } from './model.js';
import type { Network } from './network.js';

const OUTPUTS = [EMOTIONS.length, MOODS, LEVELS] as const;

const bytesOf = (part: Float32Array | Int8Array): Uint8Array => new Uint8Array(part.buffer, part.byteOffset, part.byteLength);

const partsOf = (network: Network): (Float32Array | Int8Array)[] => [network.firstScales, network.firstBias, network.secondScales, network.secondBias, network.first, network.second];

export const encodeHead = ({ probe, labels, mood, crisis }: Pick<Head, 'probe' | 'labels' | 'mood' | 'crisis'>): Buffer =>
  Buffer.concat([probe.vector, ...[labels, mood, crisis].flatMap(partsOf)].map(bytesOf));

/** Bytes of a head of this shape. */
export const headBytes = (dimensions: number, hidden: number): number =>
  dimensions * 4 + OUTPUTS.reduce((sum, outputs) => sum + 8 * (hidden + outputs) + hidden * (dimensions + outputs), 0);

/** `bytes` has the length that headBytes says. */
export function decodeHead(bytes: Buffer, dimensions: number, hidden: number): { readonly vector: Float32Array; readonly networks: readonly [Network, Network, Network] } {
  let at = 0;
  const take = (length: number): ArrayBuffer => bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + (at += length)) as ArrayBuffer;
  const floats = (count: number): Float32Array => new Float32Array(take(count * 4));
  const rows = (count: number): Int8Array => new Int8Array(take(count));
  const network = (outputs: number): Network => ({
    inputs: dimensions, hidden, outputs,
    firstScales: floats(hidden), firstBias: floats(hidden), secondScales: floats(outputs), secondBias: floats(outputs), first: rows(hidden * dimensions), second: rows(outputs * hidden),
  });
  return { vector: floats(dimensions), networks: [network(OUTPUTS[0]), network(OUTPUTS[1]), network(OUTPUTS[2])] };
}
