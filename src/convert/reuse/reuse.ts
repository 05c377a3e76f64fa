/**
 * Runs a plan, but takes tensors that were quantized before from a folder, and keeps there what takes long: a run that was
 * stopped goes on where it was, and one with other settings shares what is the same.
 */
import { createHash } from 'node:crypto';
import { readGguf } from '../../formats/gguf/file.js';
import { tensorContents, type SourceSpan, type TensorContent } from '../../plan/content.js';
import type { Lowered } from '../../plan/lower.js';
import { checkSpace, runPlan, type PlanProgress, type PlanResult, type RunOptions } from '../../plan/run.js';
import type { Plan, PlanTensor, PlanWithBlobs } from '../../plan/schema.js';
import type { Pool } from '../../workers/index.js';
import { pinned } from '../source.js';
import { isKept } from './kept.js';
import { TensorStore } from './store.js';

/** Part of every key: another number when other bytes are written for the same recipe. */
const ENCODING = 'tara-gguf 1';
/** Some seconds of work. */
const BATCH_VALUES = 4e6;

export interface ReuseReport {
  readonly folder: string;
  /** Tensors, each in one type, that were found and that were added. */
  readonly reused: number;
  readonly stored: number;
  /** Bytes in the folder now. */
  readonly bytes: number;
}

interface Wanted extends TensorContent {
  readonly key: string;
}

export interface ReuseOptions extends RunOptions {
  readonly pool: Pool;
  /** Values that are quantized before they are kept: what a stopped run loses at most. */
  readonly batchValues?: number | undefined;
}

async function keyed(contents: readonly TensorContent[], { pool, signal }: ReuseOptions): Promise<Wanted[]> {
  const place = ({ path, offset, bytes }: SourceSpan): string => JSON.stringify([path, offset, bytes]);
  const spans = new Map(contents.flatMap((content) => content.spans.map((span) => [place(span), span] as const)));
  const hashes = await pool.run<string[]>('convert/reuse/hash-spans', [...spans.values()], { signal });
  const hashOf = new Map([...spans.keys()].map((key, index) => [key, hashes[index] ?? '']));
  return contents.map((content) => {
    const parts = [ENCODING, content.recipe, ...content.spans.map((span) => hashOf.get(place(span)) ?? '')];
    return { ...content, key: createHash('sha256').update(JSON.stringify(parts)).digest('hex') };
  });
}

/** Groups that are written at once: each is kept when it is complete. */
function batches(wanted: readonly Wanted[], values: number): Wanted[][] {
  const groups: Wanted[][] = [];
  let room = 0;
  for (const one of wanted) {
    if (room <= 0) {
      groups.push([]);
      room = values;
    }
    groups.at(-1)?.push(one);
    room -= one.values;
  }
  return groups;
}

/** A plan of tensors alone, each into a file of its own. */
function entryPlan({ plan }: PlanWithBlobs, store: TensorStore, batch: readonly Wanted[]): PlanWithBlobs {
  const tensors = batch.map(({ tensor, target, key }): PlanTensor[] => {
    const [made] = plan.tensors.slice(tensor);
    const to = made?.to[target];
    return made && to ? [{ ...made, to: [{ out: key, type: to.type, ...(to.imatrix && { imatrix: to.imatrix }) }] }] : [];
  });
  const outputs = Object.fromEntries(batch.map(({ key }) => [key, { path: store.draft(key), order: 'plan' as const, set: [], remove: [], alignment: 32 }]));
  return { plan: { ...plan, metadata: [], outputs, tensors: tensors.flat() }, blobs: new Map() };
}

/** The plan with those targets read from their files: copied, since they have the type already. */
async function fromEntries({ plan, blobs }: PlanWithBlobs, wanted: readonly Wanted[], paths: ReadonlyMap<string, string>): Promise<PlanWithBlobs> {
  const sources: Plan['sources'] = { ...plan.sources };
  const byTensor = new Map<number, Map<number, string>>();
  const ids = new Map<string, string>();
  for (const { tensor, target, key } of wanted) {
    const id = ids.get(key) ?? `reused-${ids.size}`;
    if (!ids.has(key)) sources[id] = pinned('gguf', await readGguf(paths.get(key) ?? ''));
    ids.set(key, id);
    byTensor.set(tensor, new Map([...(byTensor.get(tensor) ?? []), [target, id]]));
  }
  const tensors = plan.tensors.flatMap((one, index): PlanTensor[] => {
    const entries = byTensor.get(index);
    if (!entries) return [one];
    const copies = one.to.flatMap(({ out, type, name, wanted: asked }, target): PlanTensor[] => {
      const src = entries.get(target);
      return src === undefined ? [] : [{ name: one.name, ne: one.ne, steps: [{ op: 'read', src, tensor: one.name }], to: [{ out, type, name, wanted: asked }] }];
    });
    return [{ ...one, to: one.to.filter((_, target) => !entries.has(target)) }, ...copies];
  });
  return { plan: { ...plan, sources, tensors }, blobs };
}

/** Several runs as one. */
function progressOf(onProgress: RunOptions['onProgress'], total: number) {
  const started = performance.now();
  let [read, wrote] = [0, 0];
  let [lastRead, lastWrote] = [0, 0];
  return {
    report({ bytesRead, bytesWritten, tensor }: PlanProgress): void {
      [lastRead, lastWrote] = [bytesRead, bytesWritten];
      onProgress?.({ bytesRead: Math.min(total, read + bytesRead), bytesTotal: total, bytesWritten: wrote + bytesWritten, tensor, seconds: (performance.now() - started) / 1000 });
    },
    next(): void {
      [read, wrote] = [read + lastRead, wrote + lastWrote];
      [lastRead, lastWrote] = [0, 0];
    },
  };
}

/**
 * As runPlan, to the same bytes. Files of the folder appear whole or not at all; one that is damaged is made again. Rejects with
 * what runPlan rejects with; TARA_DISK_FULL when the outputs and what is stored do not fit together.
 */
export async function runReusing(planned: PlanWithBlobs, lowered: Lowered, folder: string, options: ReuseOptions): Promise<{ result: PlanResult; reuse: ReuseReport }> {
  const { pool, signal, batchValues = BATCH_VALUES } = options;
  const store = await TensorStore.open(folder, options);
  const run = async (some: PlanWithBlobs, report: RunOptions['onProgress']): Promise<PlanResult> =>
    runPlan(await pool.run<Lowered>('convert/reuse/lower', some, { signal }), { ...options, onProgress: report });
  const wanted = await keyed(tensorContents(planned.plan, lowered, isKept), options);
  const unique = [...new Map(wanted.map((one) => [one.key, one])).values()];
  const paths = new Map<string, string>();
  for (const { key } of unique) {
    const found = await store.find(key);
    if (found !== undefined) paths.set(key, found);
  }
  const missing = unique.filter(({ key }) => !paths.has(key));
  await checkSpace([...lowered.outputs, ...missing.map(({ key, bytes }) => ({ path: store.draft(key), bytes }))]);

  const read = missing.reduce((sum, { spans }) => sum + spans.reduce((bytes, span) => bytes + span.bytes, 0), 0);
  const written = lowered.outputs.reduce((sum, { path, bytes }) => sum + (path === null ? 0 : bytes), 0);
  const progress = progressOf(options.onProgress, read + written);
  for (const batch of batches(missing, batchValues)) {
    try {
      await run(entryPlan(planned, store, batch), progress.report);
      for (const { key } of batch) paths.set(key, await store.take(key));
    } catch (thrown) {
      await store.discard(batch.map(({ key }) => key));
      throw thrown;
    }
    progress.next();
  }
  const result = await run(await fromEntries(planned, wanted, paths), progress.report);
  return { result, reuse: { folder, reused: unique.length - missing.length, stored: missing.length, bytes: await store.bytes() } };
}
