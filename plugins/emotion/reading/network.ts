/** A network with one hidden layer over what an embedding model makes of a text; int8 rows, each with its scale. */

import { rowProduct } from './numbers.js';

export interface Network {
  readonly inputs: number;
  readonly hidden: number;
  readonly outputs: number;
  /** hidden x inputs and outputs x hidden; a row's true values are its bytes times its scale. */
  readonly first: Int8Array;
  readonly firstScales: Float32Array;
  readonly firstBias: Float32Array;
  readonly second: Int8Array;
  readonly secondScales: Float32Array;
  readonly secondBias: Float32Array;
}

function layer(out: Float64Array, bytes: Int8Array, scales: Float32Array, bias: Float32Array, input: Float32Array | Float64Array): void {
  for (let row = 0; row < out.length; row += 1) out[row] = rowProduct(bytes, row * input.length, input) * (scales[row] ?? 0) + (bias[row] ?? 0);
}

/** Logits of a vector of `inputs` numbers; ReLU between the layers. */
export function forward(network: Network, vector: Float32Array): Float64Array {
  const hidden = new Float64Array(network.hidden);
  layer(hidden, network.first, network.firstScales, network.firstBias, vector);
  for (let i = 0; i < hidden.length; i += 1) if ((hidden[i] ?? 0) < 0) hidden[i] = 0;
  const out = new Float64Array(network.outputs);
  layer(out, network.second, network.secondScales, network.secondBias, hidden);
  return out;
}
