/** A pool task: what every general preset that needs no importance matrix would make of a model, to the byte, from headers alone. */
import { countTypes } from '../formats/gguf/count-types.js';
import { layout } from '../plan/layout.js';
import { PRESETS } from '../plan/presets.js';
import type { PoolTask } from '../workers/index.js';
import type { AdapterInput } from './adapters/adapters.js';
import { planConvert } from './plan-convert.js';

export interface SizesInput {
  readonly base: string;
  readonly adapters: readonly AdapterInput[];
  readonly architectures: readonly string[];
}

export interface PresetBytes {
  readonly preset: string;
  /** Bytes of the whole file. */
  readonly bytes: number;
  readonly bitsPerWeight: number;
  /** Tensors of each ggml type: on rows that k-quants cannot hold, other types than the name says. */
  readonly types: Readonly<Record<string, number>>;
}

export interface ModelSizes {
  readonly architecture: string;
  /** Unquantized, in layer order. */
  readonly tensors: readonly { readonly name: string; readonly ne: readonly number[]; readonly type: string }[];
  readonly presets: readonly PresetBytes[];
}

/** Presets for models that were trained for them, or whose blocks many rows do not fit. */
const SPECIAL = new Set(['MXFP4_MOE', 'TQ1_0', 'TQ2_0', 'Q1_0', 'Q2_0']);
/** Other names of Q3_K_M, Q4_K_M and Q5_K_M. */
const ALIASES = new Set(['Q3_K', 'Q4_K', 'Q5_K']);
const NAMES = Object.entries(PRESETS).filter(([name, { needsImatrix }]) => !needsImatrix && !SPECIAL.has(name) && !ALIASES.has(name)).map(([name]) => name);

const sizes: PoolTask<SizesInput, ModelSizes> = async ({ base, adapters, architectures }, { check }) => {
  const planned = await planConvert({ base, adapters, architectures, outputs: ['F16', ...NAMES.filter((name) => name !== 'F16')].map((type) => ({ id: type, path: null, type })) });
  const plain = layout(planned, 'F16');
  const weights = plain.tensors.reduce((sum, { ne }) => sum + ne.reduce((product, n) => product * n, 1), 0);
  const presets = NAMES.map((preset) => {
    check();
    const { bytes, tensors } = layout(planned, preset);
    return { preset, bytes, bitsPerWeight: (tensors.reduce((sum, tensor) => sum + tensor.bytes, 0) * 8) / weights, types: countTypes(tensors) };
  });
  const architecture = planned.plan.metadata.find(({ key }) => key === 'general.architecture')?.value;
  return {
    architecture: typeof architecture === 'string' ? architecture : 'unknown',
    tensors: plain.tensors.map(({ name, ne, type }) => ({ name, ne, type })),
    presets,
  };
};

export default sizes;
