/**
 * Sparse compression: fewer tokens, layers and channels, chosen by measurement. docs/compression.md tells the method. What costs
 * time, expectations of tokens and measured losses, is kept in a cache under the content of model and texts.
 */

import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createTaraEngine, readGguf, TaraError, type GgufFile, type Pruning } from 'tara-gguf';
import { Cache, contentHash, keyOf } from '../hybrid/cache.js';
import { partTexts } from '../hybrid/texts.js';
import { withCut, type BenchOptions } from './bench.js';
import type { Surgery } from './channels.js';
import { front, least, smallest, within, type Field } from './choose.js';
import { judged, type Judged } from './judge.js';
import { sizesOf, type Shape } from './sizes.js';
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
  readonly cacheDir: string;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: Progress | undefined;
}

export interface SparseResult extends Judged {
  readonly cut: Cut;
  readonly pruning: Pruning;
  /** Of the file as it will be written. */
  readonly bytes: number;
  /** What the cut was expected to lose. */
  readonly expected: number;
  readonly structures: readonly MeasuredStructure[];
  /** The best cut of each of some sizes. */
  readonly front: readonly Point[];
}

const VERSION = '1';
/** Share of the preset's bytes that go where nothing else is asked for. */
export const SPARSITY = 0.15;

const share = (from: number, to: number, onProgress: Progress | undefined): Progress => (fraction, detail) => onProgress?.(from + (to - from) * fraction, detail);

function shapeOf(file: GgufFile): Shape {
  const rows = (name: string): number => file.tensors.find((tensor) => tensor.name === name)?.ne[1] ?? 0;
  const layers = new Set(file.tensors.flatMap(({ name }) => /^blk\.(\d+)\./.exec(name)?.[1] ?? [])).size;
  return { tokens: rows('token_embd.weight'), layers, width: file.tensors.find(({ name }) => /\.ffn_down\.weight$/.test(name))?.ne[0] ?? 0 };
}

/** Throws TARA_PRUNING_UNREACHED for bytes below all that was measured. */
function choose(field: Field, { bytes, sparsity, loss }: SparseOptions): Point {
  if (loss !== undefined && bytes === undefined && sparsity === undefined) return smallest(field, loss);
  const budget = bytes ?? Math.floor(field.sizes.bytes * (1 - (sparsity ?? SPARSITY)));
  const point = within(field, budget);
  if (!point) throw new TaraError('TARA_PRUNING_UNREACHED', { wanted: `${budget} bytes`, best: `about ${Math.ceil(least(field))} bytes` });
  if (loss !== undefined && point.loss > loss) throw new TaraError('TARA_PRUNING_UNREACHED', { wanted: `a loss of ${loss} in ${budget} bytes`, best: `a loss of ${point.loss.toPrecision(3)}` });
  return point;
}

interface Work {
  readonly options: BenchOptions;
  readonly ordered: Ordered;
  readonly surgery: () => Promise<Surgery | null>;
  /** Refitted weights outlive the search here. */
  readonly cache: Cache;
}

async function pruningOf({ options, ordered: { vocabulary, going }, surgery, cache }: Work, { tokens, layers, width }: Cut): Promise<Pruning> {
  const kept = tokens < vocabulary.size ? { tokens: keptTokens(vocabulary, going, tokens) } : {};
  if (layers.length === 0 && width === null) return kept;
  const path = cache.path(`weights-${keyOf(JSON.stringify([layers, width]))}.safetensors`);
  const partial = join(options.workDir, 'weights.safetensors');
  const healed = await (await surgery())?.heal({ layers, width }, partial, options);
  if (healed?.weights !== undefined) await rename(partial, path);
  return { ...kept, ...healed, ...(healed?.weights !== undefined && { weights: path }) };
}

/** The pruning and its file's bytes: where those are estimated too low, some more tokens go. */
async function settled(work: Work, point: Point, budget: number): Promise<{ cut: Cut; pruning: Pruning; bytes: number }> {
  const { options, ordered: { vocabulary } } = work;
  for (let { cut } = point; ; cut = { ...cut, tokens: Math.floor((cut.tokens - 1) / TOKEN_STEP) * TOKEN_STEP }) {
    if (cut.tokens <= vocabulary.required.size) throw new TaraError('TARA_PRUNING_UNREACHED', { wanted: `${budget} bytes`, best: `about ${point.bytes} bytes` });
    const pruning = await pruningOf(work, cut);
    const bytes = await withCut(options, pruning, options.preset, async (path) => (await readGguf(path)).size);
    if (bytes <= budget) return { cut, pruning, bytes };
  }
}

/**
 * Searches. Rejects with TARA_PRUNING_UNREACHED for a goal that no cut reaches, TARA_PRUNING_REFUSED,
 * TARA_TEXT_TOO_SHORT, TARA_CONFIG_INVALID, TARA_ABORTED and as the model's reading does; of its work files nothing is left.
 */
export async function searchSparse(sparse: SparseOptions): Promise<SparseResult> {
  const { model, preset, signal, threads, cacheDir, onProgress } = sparse;
  const workDir = join(cacheDir, `work-${randomUUID()}`);
  await mkdir(workDir, { recursive: true });
  const engine = createTaraEngine();
  let opened: Promise<Surgery | null> | undefined;
  try {
    onProgress?.(0, 'reading model and texts');
    const texts = await partTexts(sparse.texts, workDir);
    const cache = await Cache.open(cacheDir, keyOf('sparse', VERSION, await contentHash(model, signal), texts.hash));
    const file = await readGguf(model, { signal });
    const options: BenchOptions = { engine, model, preset, workDir, threads, signal };
    const surgery = (): Promise<Surgery | null> => (opened ??= openSurgery(options, file, texts.calibration, share(0.45, 0.55, onProgress)));
    const ordered = await orderTokens(options, [...texts.calibration, texts.samples.accept], cache, share(0.02, 0.15, onProgress));
    const tokens = await measureTokens(options, ordered, texts.samples.probe, cache, share(0.15, 0.45, onProgress));
    const structures = await measureStructures(options, surgery, texts.samples.probe, cache, share(0.55, 0.8, onProgress));
    const stock = await withCut(options, {}, preset, (path) => readGguf(path));
    const field: Field = { sizes: sizesOf(stock, shapeOf(file)), tokens, structures, leastTokens: ordered.vocabulary.required.size };
    const point = choose(field, sparse);
    const budget = sparse.bytes ?? (sparse.loss === undefined || sparse.sparsity !== undefined ? Math.floor(stock.size * (1 - (sparse.sparsity ?? SPARSITY))) : Infinity);
    const { cut, pruning, bytes } = await settled({ options, ordered, surgery, cache }, point, budget);
    const verdict = await judged({ options, pruning, bytes, text: texts.samples.verdict, onProgress: share(0.8, 1, onProgress) });
    return { ...verdict, cut, pruning, bytes, expected: point.loss, structures, front: front(field) };
  } finally {
    (await opened?.catch(() => null))?.[Symbol.dispose]();
    await engine.dispose();
    await rm(workDir, { recursive: true, force: true });
  }
}
