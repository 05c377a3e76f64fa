/** Hybrid and sparse compression of a build: each model is merged into an unquantized file, a mix of types or a cut is searched for on that, and it is written as such. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { convert } from '../../convert/index.js';
import { TaraError } from '../../errors.js';
import { metadataOf, readGguf } from '../../formats/index.js';
import type { CompressionProposal, Compressor } from '../../kernel/capabilities/index.js';
import type { MetadataEntry } from '../../plan/index.js';
import type { Build, BuildFile } from '../types.js';
import type { ModelFile, WriteOptions, WrittenModels } from './files.js';
import { textsOf, type BuildInputs, type BuildOptions } from './inputs.js';
import { budgetOf, type TypeChoice } from './types.js';

export interface HybridRequest {
  readonly inputs: BuildInputs;
  readonly build: Build;
  readonly compressor: Compressor | undefined;
  readonly models: readonly ModelFile[];
  readonly metadata: (model: ModelFile) => readonly MetadataEntry[];
  /** Where the files go. */
  readonly folder: string;
  /** For the unquantized models. */
  readonly workDir: string;
  /** Where measurements outlive the build. */
  readonly cacheDir: string;
  /** Bytes of the phase's target size that other files take. */
  readonly taken: number;
  readonly options: BuildOptions;
  readonly write: WriteOptions;
}

export interface WrittenHybrids extends WrittenModels {
  readonly choice: TypeChoice;
}

async function proposed(request: HybridRequest, compressor: Compressor, model: ModelFile, float: string, index: number): Promise<CompressionProposal> {
  const { inputs, build, models, taken, options, cacheDir } = request;
  const { qualityThreshold, speedPriority } = inputs.phase.settings;
  const { signal, threads } = options;
  const file = await readGguf(float, { signal });
  return compressor.propose({
    architecture: metadataOf(file).string('general.architecture') ?? 'unknown',
    tensors: file.tensors.map(({ name, ne, type }) => ({ name, ne, type })),
    compressionType: build.compressionType, quantization: build.quantization, budget: budgetOf(inputs, { models: models.length, taken }), speedPriority,
    ...(qualityThreshold !== null && build.compressionType === 'hybrid' && { goal: { agreement: qualityThreshold } }),
    ...(options.distillMinutes !== undefined && { minutes: options.distillMinutes }),
    ...(signal && { signal }),
    measuring: {
      model: float, texts: textsOf(inputs, model), cacheDir, ...(threads !== undefined && { threads }),
      onProgress: (fraction, detail) => options.onProgress?.('choose types', fraction === null ? null : (index + fraction) / models.length, detail),
    },
  });
}

/** Throws TARA_COMPRESSION_UNAVAILABLE without a compressor, and what convert and the search throw. */
export async function writeHybrids(request: HybridRequest): Promise<WrittenHybrids> {
  const { inputs: { base }, build, compressor, models, metadata, folder, workDir, write: { onProgress, ...options } } = request;
  if (!compressor) throw new TaraError('TARA_COMPRESSION_UNAVAILABLE', { compressionType: build.compressionType, available: 'standard' });
  await mkdir(workDir, { recursive: true });
  const files: BuildFile[] = [];
  const proposals: CompressionProposal[] = [];
  let types: Readonly<Record<string, number>> = {};
  let [planSeconds, runSeconds] = [0, 0];
  for (const [index, model] of models.entries()) {
    const float = join(workDir, model.name);
    const adapters = model.adapters.map(({ dir, weight }) => ({ dir, weight }));
    await convert({ base, adapters, ...(model.merge && { merge: model.merge }), outputs: [{ id: 'float', path: float, type: 'f16' }], metadata: metadata(model) }, options);
    const proposal = await proposed(request, compressor, model, float, index);
    const { imatrix, feedback, pruning, file: taught } = proposal;
    const path = join(folder, model.name);
    const report = await convert(
      taught !== undefined ? { base: taught, adapters: [], outputs: [{ id: 'phase', path, type: 'auto' }] } : {
        base: float, adapters: [], ...(pruning && { pruning }), ...(imatrix !== undefined && { imatrix: { path: imatrix, name: 'imatrix.gguf' } }), feedback,
        outputs: [{ id: 'phase', path, type: proposal.preset, types: proposal.types }],
      },
      { ...options, onProgress: ({ bytesRead, bytesTotal, tensor }) => onProgress?.(bytesTotal > 0 ? (index + bytesRead / bytesTotal) / models.length : null, tensor) },
    );
    await rm(float, { force: true });
    const file = report.files[0];
    if (!file) throw new TaraError('TARA_INTERNAL', { reason: 'the plan wrote no file' });
    files.push({ path: file.path, role: 'model', domain: model.domain, bytes: file.bytes });
    proposals.push(proposal);
    if (index === 0) types = file.types;
    planSeconds += report.planSeconds;
    runSeconds += report.runSeconds;
  }
  const evidence = proposals.flatMap((proposal, index) => proposal.evidence.map((line) => (models.length > 1 ? `${models[index]?.domain ?? ''}: ${line}` : line)));
  return { files, types, planSeconds, runSeconds, choice: { preset: proposals[0]?.preset ?? build.quantization, label: build.compressionType, evidence, measured: proposals[0]?.measured ?? null } };
}
