/** Hashes of a GGUF's tensors and of what comes before them: they tell a change of weights from a change of metadata. */
import { TaraError } from 'tara-gguf/plugin';
import type { TensorHashes } from '../store/format.js';
import type { Work, WorkOptions } from '../work.js';

/** Undefined for a file that is no sound GGUF; what is done about that is the smoke test's. */
export async function tensorHashes(path: string, work: Work, options: WorkOptions = {}): Promise<TensorHashes | undefined> {
  // Loaded by those who have a GGUF: it is the whole library.
  const { readGguf } = await import('tara-gguf');
  const file = await readGguf(path).catch((thrown: unknown) => {
    if (thrown instanceof TaraError && thrown.code === 'TARA_GGUF_INVALID') return undefined;
    throw thrown;
  });
  if (file === undefined) return undefined;
  const tensors = [...file.tensors].sort((a, b) => a.offset - b.offset);
  const [header = '', ...hashes] = await work.hashSpans(path, [[0, file.dataOffset], ...tensors.map(({ offset, bytes }) => [offset, offset + bytes] as const)], options);
  return { header, tensors: Object.fromEntries(tensors.map(({ name }, index) => [name, hashes[index] ?? ''])) };
}

/** How a file differs from what its manifest says, in a few words; at most three tensors are named. */
export function compareTensors(known: TensorHashes, found: TensorHashes | undefined): string {
  if (found === undefined) return 'it is no GGUF file any more';
  const changed = Object.keys(known.tensors).filter((name) => known.tensors[name] !== found.tensors[name]);
  const added = Object.keys(found.tensors).filter((name) => !Object.hasOwn(known.tensors, name));
  const parts = [
    ...(known.header === found.header ? [] : ['its metadata changed']),
    ...(changed.length === 0 ? [] : [`the weights of ${changed.length} ${changed.length === 1 ? 'tensor' : 'tensors'} changed (${changed.slice(0, 3).join(', ')}${changed.length > 3 ? ', …' : ''})`]),
    ...(added.length === 0 ? [] : [`${added.length} tensors are new`]),
  ];
  return parts.length === 0 ? 'only the padding between tensors changed' : parts.join('; ');
}
