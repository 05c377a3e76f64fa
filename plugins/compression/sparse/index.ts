/**
 * Sparse compression: fewer tokens, layers and channels, chosen by measurement, and what the rest can learn back. docs/compression.md tells
 * the method. What costs time, expectations of tokens, measured losses and taught files, is kept in a cache under the content of model and texts.
 */

import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createTaraEngine, metadataOf, readGguf, TaraError, type GgufFile, type Pruning } from 'tara-gguf';
import { Cache, contentHash, keyOf } from '../hybrid/cache.js';
import { partTexts, type TextFiles } from '../hybrid/texts.js';
import { CONTEXT, withCut, type BenchOptions } from './bench.js';
import type { Surgery } from './channels.js';
import { front, least, smallest, within, type Field } from './choose.js';
import { judged, type Judged } from './judge.js';
import { sizesOf, type Shape } from './sizes.js';
import { recover, RECOVERY_MINUTES } from './recover.js';
import { openSurgery, measureStructures } from './structures.js';
import { keptTokens, TOKEN_STEP } from './tokens.js';
import { measureTokens, orderTokens, type Ordered } from './vocabulary.js';
import type { Cut, MeasuredStructure, Point, Progress } from './world.js';

export interface SparseOptions {
  /** A GGUF file in F32, F16 or BF16. */
  readonly model: string;
  /** Calibration texts: .txt, or .jsonl items. */
  readonly texts: readonly string[];
  readonly preset: string;
  /** Bytes of the file, or share of the preset's that go, 0..1. SPARSITY without either and without `loss`. */
  readonly bytes?: number | undefined;
  readonly sparsity?: number | undefined;
  /** The most that a token may cost more, in nats: the smallest file that keeps to it is wanted. */
  readonly loss?: number | undefined;
  /** For what the cut file may learn back; 0 = nothing. RECOVERY_MINUTES when omitted. */
  readonly minutes?: number | undefined;
  readonly cacheDir: string;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: Progress | undefined;
}

export interface SparseResult extends Judged {
  readonly cut: Cut;
  readonly pruning: Pruning;
  /** The file as it is to be, after it learned; null where it did not. */
  readonly taught: string | null;
  /** What came of the teaching. */
  readonly recovery: string;
  /** Of the file as it will be written. */
  readonly bytes: number;
  /** What the cut was expected to lose. */
  readonly expected: number;
  readonly structures: readonly MeasuredStructure[];
  /** The best cut of each of some sizes. */
  readonly front: readonly Point[];
}

const VERSION = '2';
/** Share of the preset's bytes that go where nothing else is asked for. */
export const SPARSITY = 0.17;

const share = (from: number, to: number, onProgress: Progress | undefined): Progress => (fraction, detail) => onProgress?.(from + (to - from) * fraction, detail);

function shapeOf(file: GgufFile): Shape {
  const rows = (name: string): number => file.tensors.find((tensor) => tensor.name === name)?.ne[1] ?? 0;
  const layers = new Set(file.tensors.flatMap(({ name }) => /^blk\.(\d+)\./.exec(name)?.[1] ?? [])).size;
  return { tokens: rows('token_embd.weight'), layers, width: file.tensors.find(({ name }) => /\.ffn_down\.weight$/.test(name))?.ne[0] ?? 0 };
}

/** Throws TARA_MODEL_UNSUPPORTED for a model of fewer tokens than it would be measured with. */
function checkContext(file: GgufFile): void {
  const metadata = metadataOf(file);
  const trained = metadata.number(`${metadata.string('general.architecture')}.context_length`) ?? CONTEXT;
  if (trained < CONTEXT) throw new TaraError('TARA_MODEL_UNSUPPORTED', { path: file.path, reason: `it was trained for ${trained} tokens, and cuts are measured with ${CONTEXT}` });
}

const unreached = (wanted: string, best: string): TaraError => new TaraError('TARA_PRUNING_UNREACHED', { wanted, best });

/** Bytes of the file at most; none where only a loss is asked for. */
function budgetOf({ sizes }: Field, { bytes, sparsity, loss }: SparseOptions): number | null {
  if (bytes !== undefined) return bytes;
  return sparsity === undefined && loss !== undefined ? null : Math.floor(sizes.bytes * (1 - (sparsity ?? SPARSITY)));
}

/** Throws TARA_PRUNING_UNREACHED for bytes below all that was measured. */
function choose(field: Field, budget: number | null, loss: number): Point {
  if (budget === null) return smallest(field, loss);
  const point = within(field, budget);
  if (!point) throw unreached(`${budget} bytes`, `about ${Math.ceil(least(field))} bytes`);
  return point;
}

interface Work {
  readonly options: BenchOptions;
  readonly ordered: Ordered;
  readonly surgery: () => Promise<Surgery | null>;
  /** Refitted weights and taught files outlive the search here. */
  readonly cache: Cache;
  readonly texts: TextFiles;
  /** For what a cut file may learn back. */
  readonly minutes: number;
}

async function pruningOf({ options, ordered: { vocabulary, going }, surgery, cache }: Work, { tokens, layers, width }: Cut): Promise<Pruning> {
  const kept = tokens < vocabulary.size ? { tokens: keptTokens(vocabulary, going, tokens) } : {};
  if (layers.length === 0 && width === null) return kept;
  const path = cache.path(`weights-${keyOf(JSON.stringify([layers, width]))}.safetensors`);
  return { ...kept, ...(await (await surgery())?.heal({ layers, width }, path, options)) };
}

/** The pruning and its file's bytes: where those are estimated too low, some more tokens go. */
async function settled(work: Work, point: Point, budget: number): Promise<{ cut: Cut; pruning: Pruning; bytes: number }> {
  const { options, ordered: { vocabulary } } = work;
  for (let { cut } = point; ; cut = { ...cut, tokens: Math.floor((cut.tokens - 1) / TOKEN_STEP) * TOKEN_STEP }) {
    if (cut.tokens <= vocabulary.required.size) throw unreached(`${budget} bytes`, `about ${point.bytes} bytes`);
    const pruning = await pruningOf(work, cut);
    const bytes = await withCut(options, pruning, options.preset, async (path) => (await readGguf(path)).size);
    if (bytes <= budget) return { cut, pruning, bytes };
  }
}

/** What distillation writes of its teacher into the header. */
const NOTE_BYTES = 512;

type Made = Judged & Pick<SparseResult, 'cut' | 'pruning' | 'taught' | 'recovery' | 'bytes' | 'expected'>;

/** Cuts, teaches, judges. */
async function make(work: Work, point: Point, budget: number, onProgress: Progress | undefined): Promise<Made> {
  const { options, texts, cache, minutes } = work;
  const { cut, pruning, bytes } = await settled(work, point, minutes > 0 ? budget - NOTE_BYTES : budget);
  const { path: taught, line } = await recover({ options, cut, pruning, texts: [...texts.calibration, texts.samples.probe, texts.samples.accept], minutes, cache, onProgress: share(0, 0.75, onProgress) });
  const size = taught === null ? bytes : (await readGguf(taught)).size;
  const verdict = await judged({ options, pruning, taught, bytes: size, text: texts.samples.verdict, onProgress: share(0.75, 1, onProgress) });
  return { ...verdict, cut, pruning, taught, recovery: line, bytes: size, expected: point.loss };
}

/** Of what ships. */
const lossOf = ({ shipped, plain, plainWins }: Judged): number => (plainWins && plain ? plain.loss : shipped.loss);

/** Cuts that are made at most until one keeps to a loss. */
const TRIES = 3;

/** A cut that keeps to the loss as judged, not as expected: where it does not, one that is expected to lose less. Throws TARA_PRUNING_UNREACHED. */
async function keepingTo(work: Work, field: Field, sparse: SparseOptions, onProgress: Progress | undefined): Promise<Made> {
  const budget = budgetOf(field, sparse);
  const most = sparse.loss ?? Infinity;
  for (let [tries, expected] = [1, most]; ; tries += 1) {
    const made = await make(work, choose(field, budget, expected), budget ?? Infinity, onProgress);
    const loss = lossOf(made);
    if (loss <= most) return made;
    if (budget !== null || tries === TRIES) throw unreached(`a loss of ${most}${budget === null ? '' : ` in ${budget} bytes`}`, `a loss of ${loss.toPrecision(3)} in ${made.bytes} bytes, as judged`);
    expected = (0.8 * Math.min(expected, made.expected) * most) / loss;
  }
}

/** Tells beside what is done how long the rest of it may take. */
function withTimeLeft(onProgress: Progress | undefined): Progress {
  const started = performance.now();
  let first: number | undefined;
  return (fraction, detail) => {
    first ??= fraction;
    const seconds = (performance.now() - started) / 1000;
    const done = fraction - first;
    const left = done > 0.02 ? `, about ${Math.ceil((seconds * (1 - fraction)) / done / 60)} min left of the search` : '';
    onProgress?.(fraction, `${detail}${left}`);
  };
}

/**
 * Searches. Rejects with TARA_PRUNING_UNREACHED for a goal that no cut reaches, TARA_PRUNING_REFUSED, TARA_MODEL_UNSUPPORTED,
 * TARA_TEXT_TOO_SHORT, TARA_CONFIG_INVALID, TARA_ABORTED and as the model's reading does; of its work files nothing is left.
 */
export async function searchSparse(sparse: SparseOptions): Promise<SparseResult> {
  const { model, preset, signal, threads, cacheDir, minutes = RECOVERY_MINUTES } = sparse;
  const workDir = join(cacheDir, `work-${randomUUID()}`);
  await mkdir(workDir, { recursive: true });
  const engine = createTaraEngine();
  let opened: Promise<Surgery | null> | undefined;
  try {
    sparse.onProgress?.(0, 'reading model and texts');
    const texts = await partTexts(sparse.texts, workDir);
    const cache = await Cache.open(cacheDir, keyOf('sparse', VERSION, await contentHash(model, signal), texts.hash));
    const file = await readGguf(model, { signal });
    checkContext(file);
    const options: BenchOptions = { engine, model, preset, workDir, threads, signal };
    const searched = minutes > 0 ? 0.4 : 0.8;
    const searching = withTimeLeft(share(0, searched, sparse.onProgress));
    const surgery = (): Promise<Surgery | null> => (opened ??= openSurgery(options, file, texts.calibration, share(0.55, 0.65, searching)));
    const ordered = await orderTokens(options, [...texts.calibration, texts.samples.accept], cache, share(0.02, 0.2, searching));
    const tokens = await measureTokens(options, ordered, texts.samples.probe, cache, share(0.2, 0.55, searching));
    const structures = await measureStructures(options, surgery, texts.samples.probe, cache, share(0.65, 1, searching));
    const stock = await withCut(options, {}, preset, (path) => readGguf(path));
    const field: Field = { sizes: sizesOf(stock, shapeOf(file)), tokens, structures, leastTokens: ordered.vocabulary.required.size };
    const made = await keepingTo({ options, ordered, surgery, cache, texts, minutes }, field, sparse, share(searched, 1, sparse.onProgress));
    return { ...made, structures, front: front(field) };
  } finally {
    (await opened?.catch(() => null))?.[Symbol.dispose]();
    await engine.dispose();
    await rm(workDir, { recursive: true, force: true });
  }
}
