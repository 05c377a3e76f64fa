/** Measures what candidates cost and what they keep: quantize, compare with the model, time, remove, one after the other. */
import { open, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { availableParallelism, tmpdir } from 'node:os';
import { runConversion } from '../convert/index.js';
import { createEngine } from '../engine/index.js';
import { TaraError } from '../errors.js';
import { readError } from '../read-error.js';
import { createYardstick, type Comparison } from '../measure/index.js';
import { planCandidates, readModel, type ModelFile, type PlannedCandidate } from './files.js';
import { machine } from './machine.js';
import { paretoFront } from './pareto.js';
import { checkSpace, withScratch } from './scratch.js';
import { DECODE_TOKENS, measureSpeed, PROMPT_TOKENS } from './speed.js';
import type { Benchmark, BenchmarkOptions, BenchmarkRow, CandidateFile, Speed } from './types.js';

const CONTEXT_SIZE = 512;
/** Characters that hold the prompt's tokens in any language. */
const PROMPT_BYTES = 32 * PROMPT_TOKENS;
/** Shares of the time that a candidate takes. */
const QUANTIZED = 0.1;
const COMPARED = 0.75;

async function beginning(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(PROMPT_BYTES), 0, PROMPT_BYTES, 0);
    return new TextDecoder().decode(buffer.subarray(0, bytesRead));
  } catch (thrown) {
    throw readError(path, thrown);
  }
}

/** Prompt and answer, shorter where the model was trained for less. */
function speedTokens({ trainedContext }: ModelFile): Benchmark['speedTokens'] {
  const room = Math.min(trainedContext ?? Infinity, PROMPT_TOKENS + DECODE_TOKENS);
  const prompt = Math.max(1, Math.floor((room * PROMPT_TOKENS) / (PROMPT_TOKENS + DECODE_TOKENS)));
  return { prompt, decode: room - prompt };
}

const plain = (comparison: Comparison): BenchmarkRow['quality'] => ({ ...comparison, chunkKld: [...comparison.chunkKld] });

/** What the candidates would be; nothing is written or measured. Throws as planCandidates does. */
export const planBenchmark = async ({ model, candidates, imatrix, signal }: Pick<BenchmarkOptions, 'model' | 'candidates' | 'imatrix' | 'signal'>): Promise<{ reference: CandidateFile; files: CandidateFile[] }> => ({
  reference: (await readModel(resolve(model), signal)).file,
  files: (await planCandidates(resolve(model), candidates, tmpdir(), { imatrix, signal })).map(({ file }) => file),
});

/** Everything that is wrong with the candidates shows before the first is measured. Rejects as planCandidates, createYardstick, runConversion and engine.load do. */
export async function benchmark(options: BenchmarkOptions): Promise<Benchmark> {
  const { candidates, imatrix, chunks = 24, runs = 3, threads, signal } = options;
  const texts = [options.text].flat().map((path) => resolve(path));
  const [firstText] = texts;
  if (firstText === undefined) throw new TaraError('TARA_OPTION_INVALID', { option: 'text', reason: 'name at least one file' });
  if (candidates.length === 0) throw new TaraError('TARA_OPTION_INVALID', { option: 'candidates', reason: 'name at least one' });
  const started = performance.now();
  const tell = (fraction: number, detail: string): void => options.onProgress?.(Math.min(1, fraction), detail);
  const path = resolve(options.model);

  return withScratch(options.scratch, async (folder) => {
    tell(0, 'planning');
    const model = await readModel(path, signal);
    const contextSize = options.contextSize ?? Math.min(CONTEXT_SIZE, model.trainedContext ?? CONTEXT_SIZE);
    const planned = await planCandidates(path, candidates, folder, { imatrix, signal });
    await checkSpace(folder, Math.max(...planned.map(({ file }) => file.bytes)) + 2 * model.vocabularySize * chunks * (contextSize / 2));
    const prompt = await beginning(firstText);
    const tokens = speedTokens(model);
    await using engine = createEngine();
    const timed = async (file: string, begin: () => void): Promise<Speed | null> => {
      // A comparison may have ended before it could be told to stop.
      if (signal?.aborted) throw new TaraError('TARA_ABORTED');
      begin();
      return runs === 0 ? null : measureSpeed({ engine, path: file, text: prompt, promptTokens: tokens.prompt, decodeTokens: tokens.decode, threads, runs, signal });
    };

    const share = 1 / (planned.length + 1);
    await using yardstick = await createYardstick({
      reference: path, text: texts, contextSize, chunks, threads, engine, workFile: join(folder, 'reference.logits'), signal,
      onProgress: (fraction) => tell(share * COMPARED * fraction, `${model.file.name}: perplexity`),
    });
    const reference = { ...model.file, quality: yardstick.reference, speed: await timed(path, () => tell(share * COMPARED, `${model.file.name}: speed`)) };

    const measure = async ({ file, lowered, path: output }: PlannedCandidate, done: number): Promise<Omit<BenchmarkRow, 'pareto'>> => {
      const at = (part: number, what: string): void => tell((done + part) * share, `${file.name}: ${what}`);
      try {
        await runConversion(lowered, { threads, signal, onProgress: ({ bytesRead, bytesTotal }) => at(QUANTIZED * (bytesRead / Math.max(1, bytesTotal)), 'quantizing') });
        const quality = plain(await yardstick.compare(output, { signal, onProgress: (fraction) => at(QUANTIZED + (COMPARED - QUANTIZED) * fraction, 'KL divergence') }));
        return { ...file, quality, speed: await timed(output, () => at(COMPARED, 'speed')) };
      } finally {
        await rm(output, { force: true });
      }
    };
    const rows: Omit<BenchmarkRow, 'pareto'>[] = [];
    for (const [index, candidate] of planned.entries()) rows.push(await measure(candidate, index + 1));
    const front = new Set(paretoFront(rows, ({ bytes }) => bytes, ({ quality }) => quality.kld.mean));
    return {
      model: model.facts, machine: machine(), text: texts.map((file) => basename(file)), imatrix: imatrix === undefined ? null : basename(imatrix),
      contextSize, chunks: yardstick.chunks, threads: threads ?? availableParallelism(), runs, speedTokens: tokens, reference,
      rows: rows.map((row) => ({ ...row, pareto: front.has(row) })).sort((a, b) => a.bytes - b.bytes),
      seconds: (performance.now() - started) / 1000, measuredAt: new Date().toISOString(),
    };
  });
}
