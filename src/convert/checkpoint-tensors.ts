/** The tensors of a checkpoint under an architecture's rules: each named, and checked against the configuration. */
import { TaraError } from '../errors.js';
import type { Checkpoint } from '../formats/checkpoint.js';
import type { BaseTensor } from './adapters.js';
import { canonicalName, type Architecture, type Dims, type TensorRule } from './architectures/index.js';
import type { ModelConfig } from './config.js';
import type { Rules } from './rules.js';

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

/** Shard after shard, in the order of their names: so does the reference write them. */
const inOrder = ({ tensors }: Checkpoint): [string, StoredTensor][] =>
  [...tensors].sort(([a, { shard: first }], [b, { shard: second }]) => first - second || (a < b ? -1 : 1));

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
    const path = checkpoint.shards[shard]?.path ?? checkpoint.dir;
    const [, module = '', suffix = ''] = /^(.*)(\.weight|\.bias)$/.exec(name) ?? [];
    const concrete = rules.get(module);
    if (!concrete) throw new TaraError('TARA_TENSOR_UNKNOWN', { path, tensor: stored, architecture: architecture.name });
    const { dtype, shape } = tensor;
    if (!DTYPES.includes(dtype)) throw new TaraError('TARA_TENSOR_DTYPE', { path, tensor: stored, dtype, known: DTYPES.join(', ') });
    const { rule, to } = concrete;
    const expected = storedShape(rule, suffix === '.bias', subject);
    if (expected.length !== shape.length || expected.some((size, index) => size !== shape[index])) {
      throw new TaraError('TARA_TENSOR_SHAPE', { path, tensor: stored, actual: dimensions(shape), expected: dimensions(expected) });
    }
    const twin = found.get(name);
    if (twin) throw new TaraError('TARA_TENSOR_DUPLICATE', { path, tensor: stored, other: twin.stored });
    const transposed = rule.transposed === true && suffix === '.weight';
    found.set(name, { name, stored, shard, dtype, rule, target: to + suffix, ne: transposed ? [...shape] : shape.toReversed(), transposed });
  }
  const tensors = [...found.values()];
  checkComplete(subject, tensors);
  return tensors;
}
