/** Where everything lies in an output: its tensors in order, their offsets, its header bytes and its size. */
import { TaraError } from '../errors.js';
import { type GgmlTypeName, tensorBytes } from '../formats/gguf/types.js';
import { encodeHeader } from '../formats/gguf/header.js';
import { layerOrder } from './order.js';
import type { MetadataEntry, Plan, PlanOutput, PlanTensor, PlanWithBlobs } from './schema.js';

export interface PlacedTensor {
  readonly name: string;
  readonly type: GgmlTypeName;
  readonly wanted?: GgmlTypeName | undefined;
  readonly ne: readonly number[];
  readonly bytes: number;
  /** Absolute in the file. */
  readonly offset: number;
  readonly source: PlanTensor;
}

export interface Layout {
  readonly header: Uint8Array;
  readonly tensors: readonly PlacedTensor[];
  readonly bytes: number;
}

const ALIGNMENT_KEY = 'general.alignment';
const DEFAULT_ALIGNMENT = 32;

const invalid = (reason: string): TaraError => new TaraError('TARA_PLAN_INVALID', { reason });
const padded = (bytes: number, alignment: number): number => Math.ceil(bytes / alignment) * alignment;

/** An output's metadata: `remove` takes keys away, `set` takes a key away and appends it, as gguf_set_val does. */
export function outputMetadata(plan: Plan, output: PlanOutput): MetadataEntry[] {
  const gone = new Set([...output.remove, ...output.set.map(({ key }) => key)]);
  return [...plan.metadata.filter(({ key }) => !gone.has(key)), ...output.set];
}

function checkAlignment(id: string, output: PlanOutput, metadata: readonly MetadataEntry[]): void {
  const { alignment } = output;
  if (alignment < 8 || !Number.isInteger(Math.log2(alignment))) throw invalid(`outputs.${id}.alignment: ${alignment} is no power of two from 8`);
  const declared = metadata.find(({ key }) => key === ALIGNMENT_KEY)?.value ?? DEFAULT_ALIGNMENT;
  if (declared !== alignment) throw invalid(`outputs.${id}: metadata declares the alignment ${String(declared)}, the output has ${alignment}`);
}

/** Lays one output out. Throws TARA_PLAN_INVALID. */
export function layout({ plan, blobs }: PlanWithBlobs, id: string): Layout {
  const output = plan.outputs[id];
  if (output === undefined) throw invalid(`there is no output ${id}`);
  const metadata = outputMetadata(plan, output);
  checkAlignment(id, output, metadata);

  const written = plan.tensors.flatMap((source) => source.to.filter(({ out }) => out === id).map(({ type, wanted, name }) => ({
    name: name ?? source.name, type, wanted, ne: source.ne, bytes: tensorBytes(type, source.ne), source,
  })));
  const names = new Set<string>();
  for (const { name, bytes } of written) {
    if (names.has(name)) throw invalid(`outputs.${id} has the tensor ${name} twice`);
    if (Buffer.byteLength(name) > 63) throw invalid(`the tensor name ${name} is longer than 63 bytes`);
    if (!Number.isSafeInteger(bytes)) throw invalid(`the tensor ${name} has more bytes than can be counted`);
    names.add(name);
  }
  if (output.order === 'layer') written.sort((a, b) => layerOrder(a.name, b.name));

  let end = 0;
  const relative = written.map((tensor) => {
    const offset = end;
    end += padded(tensor.bytes, output.alignment);
    return { ...tensor, offset };
  });
  const header = encodeHeader({ metadata, tensors: relative, alignment: output.alignment }, blobs);
  const bytes = header.length + end;
  if (!Number.isSafeInteger(bytes)) throw invalid(`outputs.${id} has more bytes than can be counted`);
  return { header, bytes, tensors: relative.map((tensor) => ({ ...tensor, offset: header.length + tensor.offset })) };
}
