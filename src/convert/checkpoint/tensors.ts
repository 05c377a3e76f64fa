/** The tensors of a checkpoint under an architecture's rules: each named, and checked against the configuration. */
import { TaraError } from '../../errors.js';
import type { Checkpoint } from '../../formats/checkpoint.js';
import { oneLine } from '../../formats/one-line.js';
import type { BaseTensor } from '../adapters/adapters.js';
import { canonicalName, type Architecture, type Dims, type TensorRule } from '../architectures/index.js';
import type { ModelConfig } from './config.js';
import type { Rules } from '../adapters/rules.js';

type StoredTensor = Checkpoint['tensors'] extends ReadonlyMap<string, infer Stored> ? Stored : never;

/** A weight or bias of the checkpoint with the rule it falls under. */
export interface FoundTensor extends BaseTensor {
  /** Its name as the rules spell it, and as the checkpoint does. */
  readonly name: string;
  readonly stored: string;
  readonly shard: number;
  readonly dtype: string;
  readonly rule: TensorRule;
}

/** A checkpoint that was read, with what is known about its model. */
export interface Subject {
  readonly checkpoint: Checkpoint;
  readonly architecture: Architecture;
  readonly config: ModelConfig;
  readonly dims: Dims;
  readonly layers: number;
  readonly rules: Rules;
  /** A base model without the head that turns its output into tokens. */
  readonly headless: boolean;
}

const DTYPES: readonly string[] = ['F32', 'F16', 'BF16'];

const dimensions = (shape: readonly (number | string)[]): string => `[${shape.join(', ')}]`;

/** The shape in which Hugging Face stores a tensor of a rule. */
function storedShape({ shape, transposed }: TensorRule, isBias: boolean, { dims, architecture }: Subject): number[] {
  const sizes = (isBias ? shape.slice(0, 1) : shape).map((dim) => {
    const size = dims[dim];
    if (size === undefined) throw new TaraError('TARA_ARCHITECTURE_INVALID', { module: architecture.name, reason: `its dims lack ${dim}` });
    return size;
  });
  return transposed === true && !isBias ? sizes.toReversed() : sizes;
}

/** By name, so that how a checkpoint is cut into shards never changes the file; the reference lists the tensors of a single file so. */
const inOrder = ({ tensors }: Checkpoint): [string, StoredTensor][] => [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));

function checkComplete({ checkpoint, config, rules, headless }: Subject, found: readonly FoundTensor[]): void {
  const untied = config.boolean('tie_word_embeddings') !== true && !headless;
  const names = new Set(found.map(({ name }) => name));
  for (const { rule, from } of rules.values()) {
    const needed = rule.needed === 'untied' ? untied : rule.needed !== 'never';
    const missing = [...(needed ? ['.weight'] : []), ...(rule.bias === true ? ['.bias'] : [])].find((suffix) => !names.has(from + suffix));
    if (missing !== undefined) throw new TaraError('TARA_TENSOR_MISSING', { path: checkpoint.dir, tensor: from + missing });
  }
}

/**
 * The checkpoint's tensors, in the reference's order. Throws TARA_TENSOR_UNKNOWN, TARA_TENSOR_DTYPE, TARA_TENSOR_SHAPE,
 * TARA_TENSOR_DUPLICATE and TARA_TENSOR_MISSING, naming the file and the tensor.
 */
export function findTensors(subject: Subject): FoundTensor[] {
  const { checkpoint, architecture, rules } = subject;
  const found = new Map<string, FoundTensor>();
  for (const [stored, { shard, tensor }] of inOrder(checkpoint)) {
    const name = canonicalName(architecture, stored);
    if (architecture.ignored?.some((pattern) => pattern.test(name))) continue;
    const at = { path: checkpoint.shards[shard]?.path ?? checkpoint.dir, tensor: oneLine(stored) };
    const [, module = '', suffix = ''] = /^(.*)(\.weight|\.bias)$/.exec(name) ?? [];
    const concrete = rules.get(module);
    if (!concrete) throw new TaraError('TARA_TENSOR_UNKNOWN', { ...at, architecture: architecture.name });
    const { dtype, shape } = tensor;
    if (!DTYPES.includes(dtype)) throw new TaraError('TARA_TENSOR_DTYPE', { ...at, dtype, known: DTYPES.join(', ') });
    const { rule, to } = concrete;
    const expected = storedShape(rule, suffix === '.bias', subject);
    if (expected.length !== shape.length || expected.some((size, index) => size !== shape[index])) {
      throw new TaraError('TARA_TENSOR_SHAPE', { ...at, actual: dimensions(shape), expected: dimensions(expected) });
    }
    const twin = found.get(name);
    if (twin) throw new TaraError('TARA_TENSOR_DUPLICATE', { ...at, other: oneLine(twin.stored) });
    const transposed = rule.transposed === true && suffix === '.weight';
    found.set(name, { name, stored, shard, dtype, rule, target: to + suffix, ne: transposed ? [...shape] : shape.toReversed(), transposed });
  }
  const tensors = [...found.values()];
  checkComplete(subject, tensors);
  return tensors;
}
