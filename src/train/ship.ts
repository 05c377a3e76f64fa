/** A trained network as a file: what changed goes into a small GGUF file, and a plan puts it into the student, LoRA merged. */
import { rm } from 'node:fs/promises';
import { checkOutputs } from '../convert/outputs.js';
import { text, u32 } from '../convert/entries.js';
import { pinned } from '../convert/source.js';
import { TaraError } from '../errors.js';
import { encodeHeader, headerEntry, readGguf, type GgufFile, type HeaderTensor } from '../formats/index.js';
import { lower, PLAN_FORMAT, runPlan, type Blobs, type MetadataEntry, type Plan, type PlanStep } from '../plan/index.js';
import { writeWhole } from '../write-whole.js';
import type { Network, Section } from './network.js';

export interface NewTensor extends Pick<HeaderTensor, 'name' | 'ne' | 'type'> {
  readonly bytes: Uint8Array;
}

/** Tensors of a file; it has no model around them. Throws TARA_WRITE_FAILED, TARA_DISK_FULL. */
export function writeTensors(path: string, metadata: readonly MetadataEntry[], tensors: readonly NewTensor[]): Promise<void> {
  const alignment = 32;
  let offset = 0;
  const infos = tensors.map(({ name, ne, type, bytes }) => {
    const info = { name, ne, type, offset };
    offset += Math.ceil(bytes.length / alignment) * alignment;
    return info;
  });
  const header = encodeHeader({ metadata, tensors: infos, alignment });
  const padded = tensors.flatMap(({ bytes }) => [bytes, new Uint8Array((alignment - (bytes.length % alignment)) % alignment)]);
  return writeWhole(path, [header, ...padded], { bytes: header.length + offset });
}

/** What the network's parameters make of the student's tensors: norms and factors as they are stored, factors of LoRA as float32. */
async function changedTensors(student: GgufFile, network: Network): Promise<NewTensor[]> {
  const { bytes } = await network.state();
  const tensors = new Map(student.tensors.map((tensor) => [tensor.name, tensor]));
  const numbers = ({ offset, count }: Section): Uint8Array => bytes.subarray(4 * offset, 4 * (offset + count));
  const made: NewTensor[] = [];
  for (const section of network.sections) {
    const { tensor: name, part, count } = section;
    const tensor = tensors.get(name);
    if (!tensor) throw new TaraError('TARA_INTERNAL', { reason: `the student has lost ${name}` });
    const [columns = 1, rows = 1] = tensor.ne;
    if (part === 'norm') made.push({ name, ne: tensor.ne, type: 'f32', bytes: numbers(section) });
    else if (part === 'scale') made.push({ name, ne: tensor.ne, type: tensor.type, bytes: await network.scaled(name) });
    else if (part === 'lora_a') made.push({ name: `${name}.lora_a`, ne: [columns, count / columns], type: 'f32', bytes: numbers(section) });
    else made.push({ name: `${name}.lora_b`, ne: [count / rows, rows], type: 'f32', bytes: numbers(section) });
  }
  return made;
}

export interface ShipInput {
  readonly student: GgufFile;
  readonly network: Network;
  /** The file to write, and what lies in between. */
  readonly output: string;
  readonly scratch: string;
  readonly teacher: string;
  readonly steps: number;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Writes the student with what was trained in it. Throws as runPlan does. */
export async function ship({ student, network, output, scratch, teacher, steps, threads, signal }: ShipInput): Promise<void> {
  const changed = await changedTensors(student, network);
  await writeTensors(scratch, [], changed);
  try {
    const trained = await readGguf(scratch, { signal });
    const names = new Set(changed.map(({ name }) => name));
    const blobs: Blobs = new Map();
    const stepsOf = (name: string): PlanStep[] => {
      const read: PlanStep = { op: 'read', src: names.has(name) ? 'trained' : 'base', tensor: name };
      if (!names.has(`${name}.lora_a`)) return [read];
      const factor = (part: string) => ({ src: 'trained', tensor: `${name}.${part}` });
      return [read, { op: 'delta', method: 'sum', terms: [{ weight: 1, scale: 1, a: factor('lora_a'), b: factor('lora_b') }] }];
    };
    const sources = { base: pinned('gguf', student), trained: pinned('gguf', trained) };
    await checkOutputs([output], { base: sources.base }, []);
    const plan: Plan = {
      format: PLAN_FORMAT, sources, tables: {},
      metadata: student.metadata.map((entry) => headerEntry(entry, blobs)) as MetadataEntry[],
      outputs: { student: { path: output, order: 'plan', set: [text('tara.distilled.teacher', teacher), u32('tara.distilled.steps', steps)], remove: [], alignment: student.alignment } },
      tensors: student.tensors.map(({ name, ne, type }) => ({ name, ne: [...ne], steps: stepsOf(name), to: [{ out: 'student', type }] })),
    };
    await runPlan(await lower({ plan, blobs, read: new Map([['base', student], ['trained', trained]]) }), { threads, signal });
  } finally {
    await rm(scratch, { force: true });
  }
}
