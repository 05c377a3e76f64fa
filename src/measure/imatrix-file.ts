/** An importance matrix as a file: collected from texts, added to matrices that are there already, or both. */
import { access, constants, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import * as guard from '../engine/guard.js';
import type { Engine, Model } from '../engine/index.js';
import { TaraError } from '../errors.js';
import { checkModel, foreignImatrix, type GgufTensor, isMatrix, type ImatrixData, mergeImatrix, readGguf, readImatrixData, writeImatrix } from '../formats/index.js';
import { collectFeedback } from './feedback.js';
import { collectImatrix, type CollectOptions } from './imatrix.js';

export interface ImatrixOptions extends CollectOptions {
  /** Matrices of the same model that are added to what the texts give, llama-imatrix's too. */
  readonly from?: readonly string[] | undefined;
  /** A second file: factors of the same texts for rounding with error feedback. */
  readonly feedback?: string | undefined;
}

export interface ImatrixInput extends ImatrixOptions {
  /** GGUF file, or a loaded model. */
  readonly model: string | Model;
  /** May be empty where there is something to merge. */
  readonly text: readonly string[];
  readonly output: string;
  /** Check the model, the paths and what is to be merged; read no text and write nothing. */
  readonly dryRun?: boolean | undefined;
  readonly engine?: Engine | undefined;
}

export interface ImatrixReport {
  readonly path: string;
  /** 0 under dryRun. */
  readonly bytes: number;
  /** Weights that it knows. */
  readonly entries: number;
  readonly datasets: readonly string[];
  readonly chunks: number;
  readonly chunkSize: number;
  /** Weights that nothing was multiplied by, embeddings that are looked up among them: quantizing takes their columns for equal. */
  readonly missing: readonly string[];
  /** Weights that have experts which no text reached. */
  readonly partial: readonly string[];
}

/**
 * What would fail after minutes of reading fails now. Throws TARA_OUTPUT_IS_INPUT, TARA_WRITE_FAILED; a matrix that is
 * merged may be replaced, it is read before.
 */
async function checkOutput(output: string, inputs: readonly string[]): Promise<void> {
  const fail = (reason: string) => new TaraError('TARA_WRITE_FAILED', { path: output, reason });
  await access(dirname(output), constants.W_OK).catch(({ code }: NodeJS.ErrnoException) => { throw fail(code ?? 'no access'); });
  const found = await stat(output).catch(() => undefined);
  if (!found) return;
  if (!found.isFile()) throw fail('it is no regular file');
  for (const path of inputs) {
    const input = await stat(path).catch(() => undefined);
    if (input && input.dev === found.dev && input.ino === found.ino) throw new TaraError('TARA_OUTPUT_IS_INPUT', { path: output });
  }
}

/** The matrices to add. Throws TARA_IMATRIX_INVALID for one of another model. */
async function readParts(paths: readonly string[], tensors: readonly GgufTensor[]): Promise<ImatrixData[]> {
  const parts: ImatrixData[] = [];
  for (const path of paths) {
    const part = await readImatrixData(path);
    const reason = foreignImatrix([...part.entries].map(([name, { sums }]) => [name, sums.length] as const), tensors);
    if (reason !== undefined) throw new TaraError('TARA_IMATRIX_INVALID', { path, reason });
    parts.push(part);
  }
  return parts;
}

function reportOf({ entries, datasets, chunks, chunkSize }: ImatrixData, tensors: readonly GgufTensor[]): Omit<ImatrixReport, 'path' | 'bytes'> {
  const matrices = tensors.filter(isMatrix).map(({ name }) => name);
  return {
    entries: entries.size, datasets, chunks, chunkSize,
    missing: matrices.filter((name) => !entries.has(name)),
    partial: [...entries].filter(([, { counts }]) => counts.includes(0)).map(([name]) => name),
  };
}

/**
 * Writes the importance of a model's weights on the texts, with that of the matrices to merge, in llama.cpp's GGUF form: llama-quantize
 * takes it too. The file appears whole or not at all. Rejects as collectImatrix does, and with TARA_IMATRIX_INVALID,
 * TARA_OUTPUT_IS_INPUT, TARA_WRITE_FAILED.
 */
export async function imatrixFile({ model, text, output, dryRun = false, from = [], feedback, engine, ...options }: ImatrixInput): Promise<ImatrixReport> {
  if (text.length === 0 && from.length === 0) throw guard.refuse('text', 'name a file to read, or a matrix to merge');
  if (text.length === 0 && feedback !== undefined) throw guard.refuse('feedback', 'factors come from texts, and cannot be merged: name a file to read');
  const modelPath = resolve(typeof model === 'string' ? model : model.path);
  const file = await readGguf(modelPath, { signal: options.signal });
  checkModel(file);
  const path = resolve(output);
  await checkOutput(path, [modelPath, ...text]);
  if (feedback !== undefined) await checkOutput(resolve(feedback), [modelPath, ...text]);
  const parts = await readParts(from, file.tensors);
  if (text.length > 0 && !dryRun) {
    parts.push(await collectImatrix({ ...options, model, text, engine }));
    if (feedback !== undefined) await collectFeedback({ ...options, model: modelPath, text, output: feedback, engine });
  }
  if (options.signal?.aborted) throw new TaraError('TARA_ABORTED');
  const data = mergeImatrix(parts);
  const written = dryRun ? { path, bytes: 0 } : await writeImatrix(path, data);
  return { ...written, ...reportOf(data, file.tensors) };
}
