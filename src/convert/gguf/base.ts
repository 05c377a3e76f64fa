/** A GGUF file as adapters see it: its tensors by Hugging Face name, and how its values are ordered. */
import { basename } from 'node:path';
import { TaraError } from '../../errors.js';
import { metadataOf, type GgufFile } from '../../formats/gguf/file.js';
import { EMBEDDING, HEAD, type AdapterBase, type BaseTensor } from '../adapters/adapters.js';
import { architectureByGguf, type Architecture } from '../architectures/index.js';
import { concreteRules, ruleOf, tieOf, type Laid } from '../adapters/rules.js';
import { ggufSizes } from './preset-model.js';

export interface GgufBase extends AdapterBase {
  readonly architecture: Architecture;
  /** How the tensor with a GGUF name lies in the file. */
  readonly laid: (target: string) => Laid | undefined;
}

/** Throws TARA_ARCHITECTURE_UNKNOWN for one whose names and row orders are not described, TARA_GGUF_INVALID for rows that are no whole heads. */
export function ggufBase(file: GgufFile, known: readonly Architecture[]): GgufBase {
  const name = metadataOf(file).string('general.architecture');
  const architecture = architectureByGguf(name, known);
  if (!architecture) {
    throw new TaraError('TARA_ARCHITECTURE_UNKNOWN', { path: file.path, architecture: name ?? '(none named)', known: [...new Set(known.map((other) => other.name))].join(', ') });
  }
  const size = ggufSizes(file);
  const heads = size('attention.head_count') ?? 0;
  const headsOf: Readonly<Record<string, number>> = { heads, kvHeads: size('attention.head_count_kv') ?? heads };
  const rules = concreteRules(architecture, size('block_count') ?? 0);
  const tensors = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
  const byTarget = new Map([...rules.values()].flatMap((rule) => ['.weight', '.bias'].map((suffix) => [rule.to + suffix, rule] as const)));
  const tie = tensors.has(HEAD) ? 'none' : tieOf(architecture);

  const laid = (target: string): Laid | undefined => {
    const [tensor, found] = [tensors.get(tie === 'loose' && target === HEAD ? EMBEDDING : target), byTarget.get(target)];
    if (!tensor || !found) return undefined;
    const count = found.rule.ropeHeads === undefined ? undefined : headsOf[found.rule.ropeHeads] ?? 0;
    const rows = tensor.ne.at(-1) ?? 0;
    if (count !== undefined && (count === 0 || rows % (2 * count) !== 0)) throw new TaraError('TARA_GGUF_INVALID', { path: file.path, reason: `${target} has ${rows} rows for ${count} heads` });
    return { target, ne: tensor.ne, rule: found.rule, heads: count };
  };
  const find = (tensor: string): BaseTensor | undefined => {
    const rule = ruleOf(architecture, rules, tensor);
    const found = rule && laid(rule.target);
    return found && { target: found.target, ne: found.ne, transposed: found.rule.transposed === true && found.target.endsWith('.weight') };
  };
  return { name: metadataOf(file).string('general.name') ?? basename(file.path), architecture, tie, find, laid };
}
