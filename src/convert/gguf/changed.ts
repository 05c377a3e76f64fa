/** The tensors of a GGUF file with adapters merged into them. */
import type { GgufFile } from '../../formats/gguf/file.js';
import type { Plan, PlanStep, TensorRef } from '../../plan/schema.js';
import { changes, EMBEDDING, firstSteps, HEAD, loadAdapters, type Change } from '../adapters/adapters.js';
import { fromGguf, intoGguf, type Laid } from '../adapters/rules.js';
import { knownArchitectures } from '../architectures/plugins.js';
import type { ConvertInput } from '../input.js';
import { ggufBase } from './base.js';
import type { Mapped } from './mapped.js';

/** A changed tensor: back into what Hugging Face computes with, the change, and forth again. */
function changedSteps(change: Change, read: TensorRef, laid: Laid, tables: Record<string, number[]>): PlanStep[] {
  if (change.instead) return [...firstSteps(read, change, laid.rule.transposed === true && laid.ne.length > 1), ...intoGguf(laid, tables)];
  if (!change.delta) return firstSteps(read);
  return [...firstSteps(read), ...fromGguf(laid, tables), change.delta, ...intoGguf(laid, tables)];
}

/** Adds the adapters' files to the sources. Throws what reading and fitting the adapters throws. */
export async function changed(input: ConvertInput, file: GgufFile, plain: readonly Mapped[], sources: Plan['sources'], tables: Record<string, number[]>): Promise<readonly Mapped[]> {
  const base = ggufBase(file, await knownArchitectures(input.architectures));
  const changed = changes(await loadAdapters(input.adapters, sources), base, input.merge);
  const embedding = plain.find(({ name }) => name === EMBEDDING);
  const all = base.tie === 'loose' && changed.has(HEAD) && embedding ? [...plain, { ...embedding, name: HEAD }] : plain;
  return all.map((tensor) => {
    const [change, laid] = [changed.get(tensor.name), base.laid(tensor.name)];
    const read = { src: 'base', tensor: tensor.name === HEAD && base.tie === 'loose' ? EMBEDDING : tensor.name };
    return change && laid ? { ...tensor, steps: changedSteps(change, read, laid, tables) } : tensor;
  });
}
