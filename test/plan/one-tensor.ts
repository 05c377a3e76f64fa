/** Plans of one tensor: its inputs in a safetensors file of any float type, its steps, and its values as float32. */
import { writeFile } from 'node:fs/promises';
import { readSafetensors } from '../../src/formats/index.js';
import { lower, type Lowered, type PlanStep, type PlanWithBlobs, runPlan, type RunOptions } from '../../src/plan/index.js';
import { parsePlan } from '../../src/plan/parse.js';
import { floatToHalf } from '../convert/executor.js';
import { floatsOf } from './synthetic.js';

export interface Stored {
  /** Row-major, as safetensors counts: [rows, cols] or [n]. */
  readonly shape: readonly number[];
  readonly values: Float32Array;
  readonly dtype?: 'F64' | 'F32' | 'F16' | 'BF16';
}

function encode({ values, dtype = 'F32' }: Stored): Uint8Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const typed = {
    F64: () => Float64Array.from(values), F32: () => values,
    F16: () => Uint16Array.from(values, floatToHalf), BF16: () => Uint16Array.from(words, (word) => word >>> 16),
  }[dtype]();
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

/** Values are cut to their type, so give ones that it holds. */
export async function writeTensors(path: string, tensors: Readonly<Record<string, Stored>>): Promise<string> {
  const header: Record<string, unknown> = {};
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const [name, tensor] of Object.entries(tensors)) {
    const bytes = encode(tensor);
    header[name] = { dtype: tensor.dtype ?? 'F32', shape: tensor.shape, data_offsets: [end, end + bytes.length] };
    end += bytes.length;
    parts.push(bytes);
  }
  const text = JSON.stringify(header);
  const padded = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  await writeFile(path, Buffer.concat([length, padded, ...parts]));
  return path;
}

export const ref = (tensor: string) => ({ src: 's', tensor });
export const read = (tensor: string): PlanStep => ({ op: 'read', ...ref(tensor) });

export interface OneTensor {
  readonly path: string;
  readonly output: string;
  readonly ne: readonly number[];
  readonly steps: readonly PlanStep[];
  readonly tables?: Readonly<Record<string, number[]>>;
}

/** A plan for the tensor `t` in float32. */
export async function planOne({ path, output, ne, steps, tables = {} }: OneTensor): Promise<PlanWithBlobs> {
  const { size, mtimeMs, headerHash } = await readSafetensors(path);
  return {
    blobs: new Map(),
    plan: parsePlan({
      format: 1, sources: { s: { path, format: 'safetensors', size, mtimeMs, headerHash } }, tables, metadata: [],
      outputs: { o: { path: output, order: 'plan' } }, tensors: [{ name: 't', ne, steps, to: [{ out: 'o', type: 'f32' }] }],
    }),
  };
}

export const lowerOne = async (one: OneTensor): Promise<Lowered> => lower(await planOne(one));

export async function runOne(one: OneTensor, options: RunOptions = {}): Promise<Float32Array> {
  await runPlan(await lowerOne(one), options);
  return floatsOf(one.output, 't');
}
