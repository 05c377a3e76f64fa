/** A pool task: the plan that only measures, every tensor of a GGUF file as every type, lowered. */
import { resolve } from 'node:path';
import { TaraError } from '../errors.js';
import { ggmlType, tensorBytes, type GgmlTypeName } from '../formats/gguf/types.js';
import { readGguf } from '../formats/gguf/file.js';
import { checkModel } from '../formats/gguf/model.js';
import { PLAN_FORMAT } from '../plan/format.js';
import { lower, type Lowered } from '../plan/lower.js';
import { checkWritable, needsImportance, quantizable, typeByName } from '../plan/presets.js';
import type { Plan } from '../plan/schema.js';
import type { PoolTask } from '../workers/index.js';
import { presetModel } from './gguf/preset-model.js';
import { FEEDBACK, loadFeedback } from './feedback.js';
import { IMATRIX, loadImportance } from './importance.js';
import { pinned } from './source.js';

export interface MeasuringInput {
  readonly input: string;
  readonly types: readonly string[];
  readonly imatrix?: string | undefined;
  readonly feedback?: string | undefined;
  readonly tensors?: RegExp | undefined;
}

export interface MeasuringFacts {
  readonly name: string;
  readonly ne: readonly number[];
  readonly type: GgmlTypeName;
  readonly weighted: boolean;
  /** By type, which is also the name of the plan's output. */
  readonly bytes: Readonly<Record<string, number>>;
}

export interface PreparedMeasuring {
  readonly lowered: Lowered;
  readonly facts: readonly MeasuringFacts[];
}

const fits = (type: GgmlTypeName, [cols = 1]: readonly number[]): boolean => cols % ggmlType(type).blockSize === 0;

const prepare: PoolTask<MeasuringInput, PreparedMeasuring> = async ({ input, types: names, imatrix, feedback: factors, tensors: wanted }, { check }) => {
  const types = [...new Set(names.map(typeByName))];
  if (types.length === 0) throw new TaraError('TARA_OPTION_INVALID', { option: 'types', reason: 'name at least one' });
  if (imatrix === undefined) for (const type of types) checkWritable('measuring', type);
  const path = resolve(input);
  const file = await readGguf(path);
  checkModel(file);
  check();
  const importance = imatrix === undefined ? undefined : await loadImportance({ path: resolve(imatrix), name: imatrix });
  importance?.check(file.tensors);
  const feedback = factors === undefined ? undefined : await loadFeedback(resolve(factors));
  feedback?.check(file.tensors);
  const chosen = quantizable(presetModel(file), file.tensors).filter(({ name }) => wanted === undefined || name.search(wanted) >= 0);
  if (chosen.length === 0) throw new TaraError('TARA_OPTION_INVALID', { option: 'tensors', reason: 'no tensor that can be quantized matches' });

  const facts = chosen.flatMap(({ name, ne, type }) => {
    const weights = importance?.weights(name, ne);
    const possible = types.filter((one) => fits(one, ne) && (weights !== undefined || !needsImportance(one)));
    return possible.length === 0 ? [] : [{ name, ne, type, weights, factor: feedback?.factor(name, ne), possible }];
  });
  const plan: Plan = {
    format: PLAN_FORMAT,
    sources: { base: pinned('gguf', file), ...(importance && { [IMATRIX]: importance.source }), ...(feedback && { [FEEDBACK]: feedback.source }) },
    tables: {},
    metadata: [],
    outputs: Object.fromEntries(types.map((type) => [type, { path: null, order: 'plan' as const, set: [], remove: [], alignment: 32 }])),
    tensors: facts.map(({ name, ne, weights, factor, possible }) => ({
      name, ne: [...ne], steps: [{ op: 'read' as const, src: 'base', tensor: name }],
      to: possible.map((type) => ({ out: type, type, ...(weights && { imatrix: weights }), ...(factor && { feedback: factor }) })),
    })),
  };
  return {
    lowered: await lower({ plan, blobs: new Map() }),
    facts: facts.map(({ name, ne, type, weights, possible }) => ({
      name, ne, type, weighted: weights !== undefined, bytes: Object.fromEntries(possible.map((one) => [one, tensorBytes(one, ne)])),
    })),
  };
};

export default prepare;
