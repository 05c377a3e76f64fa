/**
 * The low-rank part of what a quantization lost, as a GGUF LoRA beside the quantized file: closed form, nothing is trained.
 * LQER (Zhang et al. 2024) with QERA's scales; native/train/residual.h has the formula.
 */
import { rm, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { text } from '../convert/entries.js';
import { checkOutputs } from '../convert/outputs.js';
import { pinned } from '../convert/source.js';
import { createEngine, type Engine } from '../engine/index.js';
import * as guard from '../engine/guard.js';
import { startJob } from '../engine/jobs.js';
import { TaraError } from '../errors.js';
import { checkModel, ggmlType, metadataOf, readGguf, type GgufFile, type GgufTensor, type ImatrixData } from '../formats/index.js';
import { collectImatrix } from '../measure/index.js';
import { domainLoss, readLossItems, type LossItem } from '../models/index.js';
import { lower, PLAN_FORMAT, runPlan, type MetadataEntry, type Plan } from '../plan/index.js';
import { writeTensors, type NewTensor } from './ship.js';

export interface ResidualOptions {
  /** A quantized GGUF file, and the unquantized one that it was made of. */
  readonly student: string;
  readonly teacher: string;
  /** Calibration text, which says what inputs are like; the loss with and without the LoRA is measured on the last tenth of its items. */
  readonly text: readonly string[];
  /** GGUF LoRA to write. */
  readonly output: string;
  /** Default 16. */
  readonly rank?: number | undefined;
  readonly threads?: number | undefined;
  readonly engine?: Engine | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((fraction: number, detail: string) => void) | undefined;
}

export interface ResidualReport {
  readonly output: string;
  readonly bytes: number;
  readonly rank: number;
  readonly matrices: number;
  /** Of the weighed squared error, what is left, over matrices on average: 0..1. */
  readonly left: number;
  /** Mean loss on held-out items, in nats. */
  readonly domainLoss: { readonly teacher: number; readonly student: number; readonly withLora: number };
}

const DEFAULT_RANK = 16;
const TENTH = 10;
const LORA = 'residual';

interface Pair {
  readonly teacher: GgufTensor;
  readonly student: GgufTensor;
}

const spanOf = ({ type, ne, offset, bytes }: GgufTensor) => ({ type: ggmlType(type).id, ne, offset, bytes });
const fileOf = ({ path, size, mtimeMs }: GgufFile) => ({ path, size, mtimeMs });

/** Matrices of the layers that the student has in a smaller type. Throws TARA_REFERENCE_MISMATCH where the two are not one model. */
function pairsOf(student: GgufFile, teacher: GgufFile): Pair[] {
  const refuse = (reason: string): TaraError => new TaraError('TARA_REFERENCE_MISMATCH', { path: student.path, reason });
  const theirs = new Map(teacher.tensors.map((tensor) => [tensor.name, tensor]));
  if (student.tensors.length !== teacher.tensors.length) throw refuse(`it has ${student.tensors.length} tensors, the reference ${teacher.tensors.length}`);
  const pairs = student.tensors.flatMap((tensor): Pair[] => {
    const other = theirs.get(tensor.name);
    if (!other || other.ne.join() !== tensor.ne.join()) throw refuse(`its tensor ${tensor.name} is not the reference's`);
    const isMatrix = tensor.name.startsWith('blk.') && tensor.name.endsWith('.weight') && tensor.ne.length === 2;
    return isMatrix && tensor.type !== other.type ? [{ teacher: other, student: tensor }] : [];
  });
  if (pairs.length === 0) throw refuse('no matrix of its layers has another type than the reference\'s');
  return pairs;
}

/** Mean squares of the inputs of each matrix; ones where no text reached it. */
function squaresOf(pairs: readonly Pair[], { entries }: ImatrixData): Float32Array {
  const all = pairs.map(({ teacher: { name, ne } }) => {
    const entry = entries.get(name);
    const count = entry?.counts[0] ?? 0;
    return entry && count > 0 ? entry.sums.map((sum) => sum / count) : new Float32Array(ne[0] ?? 0).fill(1);
  });
  const joined = new Float32Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const squares of all) {
    joined.set(squares, at);
    at += squares.length;
  }
  return joined;
}

/** Writes the factors as float16, all at once. */
async function writeLora(output: string, student: GgufFile, factors: readonly NewTensor[], { threads, signal }: ResidualOptions, rank: number): Promise<void> {
  const scratch = `${output}.tensors`;
  await writeTensors(scratch, [], factors);
  try {
    const file = await readGguf(scratch, { signal });
    const metadata: MetadataEntry[] = [
      text('general.type', 'adapter'), text('general.architecture', metadataOf(student).string('general.architecture') ?? ''), text('general.name', `what ${basename(student.path)} lost`),
      text('adapter.type', 'lora'), { key: 'adapter.lora.alpha', type: 'float32', value: rank },
    ];
    const plan: Plan = {
      format: PLAN_FORMAT, sources: { factors: pinned('gguf', file) }, tables: {}, metadata,
      outputs: { lora: { path: output, order: 'plan', set: [], remove: [], alignment: 32 } },
      tensors: file.tensors.map(({ name, ne }) => ({ name, ne: [...ne], steps: [{ op: 'read', src: 'factors', tensor: name }], to: [{ out: 'lora', type: 'f16' }] })),
    };
    await runPlan(await lower({ plan, blobs: new Map(), read: new Map([['factors', file]]) }), { threads, signal });
  } finally {
    await rm(scratch, { force: true });
  }
}

function factorsOf(pairs: readonly Pair[], blob: ArrayBuffer, rank: number): NewTensor[] {
  let at = 0;
  const take = (count: number): Uint8Array => {
    const bytes = new Uint8Array(blob, at, 4 * count);
    at += bytes.length;
    return bytes;
  };
  return pairs.flatMap(({ student: { name, ne: [columns = 1, rows = 1] } }): NewTensor[] => {
    const a = take(rank * columns);
    const b = take(rows * rank);
    return [{ name: `${name}.lora_a`, ne: [columns, rank], type: 'f32', bytes: a }, { name: `${name}.lora_b`, ne: [rank, rows], type: 'f32', bytes: b }];
  });
}

async function run(options: ResidualOptions, engine: Engine): Promise<ResidualReport> {
  const { signal, threads, onProgress } = options;
  const rank = guard.whole('rank', options.rank, 1, 256) ?? DEFAULT_RANK;
  const output = resolve(guard.text('output', options.output));
  const [student, teacher] = await Promise.all([readGguf(resolve(options.student), { signal }), readGguf(resolve(options.teacher), { signal })]);
  for (const file of [student, teacher]) checkModel(file);
  const pairs = pairsOf(student, teacher);
  await checkOutputs([output], { student: pinned('gguf', student), teacher: pinned('gguf', teacher) }, []);
  const items: LossItem[] = [];
  for (const path of options.text) items.push(...(await readLossItems(path)).filter((_, index) => index % TENTH === TENTH - 1));
  if (items.length === 0) throw new TaraError('TARA_TEXT_TOO_SHORT', { tokens: 0, needed: 1 });
  const importance = await collectImatrix({ engine, model: teacher.path, text: options.text, threads, signal, onProgress: (fraction) => onProgress?.(0.6 * fraction, 'what inputs are like') });
  const squares = squaresOf(pairs, importance);
  const { data, blob } = await startJob('train.residual', {
    teacher: fileOf(teacher), student: fileOf(student), rank, threads: threads ?? 0, pairs: pairs.map((pair) => ({ teacher: spanOf(pair.teacher), student: spanOf(pair.student) })),
  }, {
    blobs: [new Uint8Array(squares.buffer)], signal,
    onProgress: (progress) => { const { done, total } = progress as { done: number; total: number }; onProgress?.(0.6 + (0.2 * done) / total, `${done} of ${total} matrices`); },
  }).done;
  await writeLora(output, student, factorsOf(pairs, blob ?? new ArrayBuffer(0), rank), options, rank);
  onProgress?.(0.8, 'measuring');
  const { shares } = data as { shares: number[] };
  const loss = async (path: string, lora?: string): Promise<number> => {
    await using model = await engine.load(path, { slots: 1, contextSize: 512, threads, signal, ...(lora !== undefined && { adapters: { [LORA]: lora } }) });
    return (await domainLoss(model, items, { signal, ...(lora !== undefined && { adapters: { [LORA]: 1 } }) })).meanLoss;
  };
  return {
    output, bytes: (await stat(output)).size, rank, matrices: pairs.length, left: shares.reduce((sum, share) => sum + share, 0) / shares.length,
    domainLoss: { teacher: await loss(teacher.path), student: await loss(student.path), withLora: await loss(student.path, output) },
  };
}

/**
 * Writes the LoRA. Any architecture whose two files have the same tensors. Rejects with TARA_REFERENCE_MISMATCH, TARA_TEXT_TOO_SHORT,
 * TARA_OUTPUT_IS_INPUT, TARA_OPTION_INVALID, TARA_ABORTED, and as collectImatrix and runPlan do.
 */
export async function residualLora(options: ResidualOptions): Promise<ResidualReport> {
  if (!Array.isArray(options.text) || options.text.length === 0) throw guard.refuse('text', 'name at least one file');
  if (options.engine) return run(options, options.engine);
  await using engine = createEngine();
  return await run(options, engine);
}
