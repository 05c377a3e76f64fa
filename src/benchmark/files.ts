/** What candidates become, from headers alone: sizes, types, tensors, and the plan that writes each. */
import { join } from 'node:path';
import { prepareConversion } from '../convert/index.js';
import type { Prepared } from '../convert/index.js';
import { TaraError } from '../errors.js';
import { checkModel, countTypes, metadataOf, readGguf } from '../formats/index.js';
import type { Benchmark, BenchmarkTensor, Candidate, CandidateFile } from './types.js';

export interface PlannedCandidate {
  readonly file: CandidateFile;
  readonly lowered: Prepared['lowered'];
  /** Where it is written. */
  readonly path: string;
}

/** The model as it was given. */
export interface ModelFile {
  readonly file: CandidateFile;
  readonly facts: Benchmark['model'];
  /** What it was trained for; null where the file does not say. */
  readonly trainedContext: number | null;
  readonly vocabularySize: number;
}

const elements = ({ ne }: Pick<BenchmarkTensor, 'ne'>): number => ne.reduce((product, n) => product * n, 1);

function described(candidate: Candidate, bytes: number, all: readonly BenchmarkTensor[], imatrix = false): CandidateFile {
  const tensors = all.map(({ name, ne, type, bytes: own }) => ({ name, ne, type, bytes: own }));
  const weights = tensors.reduce((sum, tensor) => sum + elements(tensor), 0);
  const bits = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0) * 8;
  const { name, compressionType, preset, evidence = [] } = candidate;
  return { name, compressionType, preset, bytes, bitsPerWeight: weights === 0 ? 0 : bits / weights, types: countTypes(tensors), imatrix, tensors, evidence };
}

/** Throws what readGguf throws, and TARA_GGUF_INVALID for a file that llama.cpp could not load. */
export async function readModel(path: string, signal?: AbortSignal): Promise<ModelFile> {
  const gguf = await readGguf(path, { signal });
  checkModel(gguf);
  const metadata = metadataOf(gguf);
  const architecture = metadata.string('general.architecture') ?? 'unknown';
  const largest = [...gguf.tensors].sort((a, b) => b.bytes - a.bytes)[0]?.type ?? 'f16';
  const file = described({ name: largest.toUpperCase(), compressionType: 'none', preset: largest.toUpperCase() }, gguf.size, gguf.tensors);
  const name = metadata.string('general.name');
  return {
    file,
    facts: { path, name: name === undefined || name === '' ? architecture : name, architecture, parameters: file.tensors.reduce((sum, tensor) => sum + elements(tensor), 0) },
    trainedContext: metadata.number(`${architecture}.context_length`) ?? null,
    vocabularySize: file.tensors.find((tensor) => tensor.name === 'token_embd.weight')?.ne[1] ?? 0,
  };
}

/** Plans every candidate into `folder`; nothing is written. Throws TARA_TYPE_UNKNOWN, TARA_TYPE_NEEDS_IMATRIX, TARA_IMATRIX_INVALID, TARA_OPTION_INVALID and what prepareConversion throws. */
export async function planCandidates(model: string, candidates: readonly Candidate[], folder: string, { imatrix, signal }: { imatrix?: string | undefined; signal?: AbortSignal | undefined }): Promise<PlannedCandidate[]> {
  const twice = candidates.find(({ name }, index) => candidates.findIndex((other) => other.name === name) !== index);
  if (twice) throw new TaraError('TARA_OPTION_INVALID', { option: 'candidates', reason: `${twice.name} is named twice` });
  const planned: PlannedCandidate[] = [];
  for (const [index, candidate] of candidates.entries()) {
    const path = join(folder, `${index}.gguf`);
    const matrix = candidate.imatrix ?? imatrix;
    const output = { id: candidate.name, path, type: candidate.preset, ...(candidate.types && { types: candidate.types }) };
    const { lowered } = await prepareConversion({ base: model, adapters: [], imatrix: matrix === undefined ? undefined : { path: matrix, name: matrix }, feedback: candidate.feedback, outputs: [output] }, { signal });
    const [written] = lowered.outputs;
    if (written) planned.push({ file: described(candidate, written.bytes, written.tensors, matrix !== undefined), lowered, path });
  }
  return planned;
}
