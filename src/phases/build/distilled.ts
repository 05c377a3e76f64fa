/** Distilled builds: each model is merged into an unquantized file, which teaches its own quantization. */
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { convert } from '../../convert/index.js';
import type { Engine } from '../../engine/index.js';
import { TaraError } from '../../errors.js';
import { distil, type DistilReport, type Worth } from '../../train/index.js';
import type { CompressionQuality } from '../../kernel/capabilities/index.js';
import type { MetadataEntry } from '../../plan/index.js';
import type { Build, BuildFile } from '../types.js';
import type { ModelFile, WriteOptions, WrittenModels } from './files.js';
import { textsOf, type BuildInputs, type BuildOptions } from './inputs.js';
import type { TypeChoice } from './types.js';

export const DISTILLED = 'distilled';

export interface DistilledRequest {
  readonly inputs: BuildInputs;
  readonly build: Build;
  readonly models: readonly ModelFile[];
  readonly metadata: (model: ModelFile) => readonly MetadataEntry[];
  readonly folder: string;
  /** For teachers and students. */
  readonly workDir: string;
  readonly engine: Engine | undefined;
  readonly options: BuildOptions;
  readonly write: WriteOptions;
}

/** A preset has its teacher's tokens: both were compared. */
const quality = ({ bytes, kld, kldError, topTokenAgreement, perplexity }: Worth): CompressionQuality => ({ bytes, kld: kld ?? 0, kldError: kldError ?? 0, topTokenAgreement: topTokenAgreement ?? 0, perplexity });

const share = (value: number | null): string => (value === null ? 'none' : `${(100 * value).toFixed(1)} %`);
const evidenceOf = (preset: string, { improved, before, after, teacher, recovered, steps, stopped, heldOut }: DistilReport): string =>
  improved
    ? `${preset} taught by the unquantized model in ${steps} steps (${stopped}): domain loss ${before.domainLoss.toFixed(4)} to ${after.domainLoss.toFixed(4)} (unquantized ${teacher.domainLoss.toFixed(4)}; recovered ${share(recovered.domainLoss)}), KL divergence ${before.kld?.toPrecision(3)} to ${after.kld?.toPrecision(3)}, on ${heldOut.items} held-out items`
    : `${preset} as it is: ${steps} steps of training did not help on held-out text`;

/** Throws what convert and distil throw. */
export async function writeDistilled(request: DistilledRequest): Promise<WrittenModels & { readonly choice: TypeChoice }> {
  const { inputs, build, models, metadata, folder, workDir, engine, options, write: { pool, threads, signal } } = request;
  await mkdir(workDir, { recursive: true });
  const files: BuildFile[] = [];
  const reports: DistilReport[] = [];
  let types: Readonly<Record<string, number>> = {};
  let [planSeconds, runSeconds] = [0, 0];
  for (const [index, model] of models.entries()) {
    const [teacher, student, output] = [join(workDir, `teacher-${model.name}`), join(workDir, `student-${model.name}`), join(folder, model.name)];
    const adapters = model.adapters.map(({ dir, weight }) => ({ dir, weight }));
    const made = await convert({
      base: inputs.base, adapters, ...(model.merge && { merge: model.merge }), metadata: metadata(model),
      outputs: [{ id: 'teacher', path: teacher, type: 'f16' }, { id: 'student', path: student, type: build.quantization }],
    }, { pool, threads, signal });
    const report = await distil({
      student, teacher, text: textsOf(inputs, model), output, compare: false, minutes: options.distillMinutes, threads, engine, signal,
      onProgress: (fraction, detail) => options.onProgress?.('distil', (index + fraction) / models.length, detail),
    });
    await rm(teacher, { force: true });
    await rm(student, { force: true });
    const [, file] = made.files;
    if (!file) throw new TaraError('TARA_INTERNAL', { reason: 'the plan wrote no student' });
    files.push({ path: output, role: 'model', domain: model.domain, bytes: (await stat(output)).size });
    reports.push(report);
    if (index === 0) types = file.types;
    planSeconds += made.planSeconds;
    runSeconds += made.runSeconds;
  }
  const [first] = reports;
  const evidence = reports.map((report, index) => `${models.length > 1 ? `${models[index]?.domain ?? ''}: ` : ''}${evidenceOf(build.quantization, report)}`);
  const measured = first ? { file: quality(first.after), preset: quality(first.before), chunks: first.heldOut.chunks } : null;
  return { files, types, planSeconds, runSeconds, choice: { preset: build.quantization, label: DISTILLED, evidence, measured } };
}
