/** Types that an output asks for by tensor name and by pattern, as types by name. */
import { TaraError } from '../errors.js';
import { ggmlType, type GgmlTypeName } from '../formats/gguf/types.js';
import { Pattern, PatternTooComplex, someWork, type Work } from '../formats/pattern.js';
import { quantizable, typeByName, type PresetModel, type PresetTensor } from '../plan/presets.js';
import type { OwnTypes, TensorTypePattern } from './input.js';

/** Types with blocks that llama.cpp puts no other in place of. */
const WITHOUT_SUBSTITUTE: ReadonlySet<GgmlTypeName> = new Set(['q1_0', 'nvfp4']);
const LONGEST_SHOWN = 200;

const refused = (option: keyof OwnTypes, reason: string): TaraError => new TaraError('TARA_OPTION_INVALID', { option, reason });

/** llama-quantize lowers patterns; the letter behind a backslash is no letter of a name. */
const lowered = (pattern: string): string => pattern.replace(/\\.|[A-Z]/gs, (part) => (part.length > 1 ? part : part.toLowerCase()));

interface Search {
  readonly shown: string;
  readonly type: GgmlTypeName;
  isIn(name: string): boolean;
}

function searchOf({ pattern, type }: TensorTypePattern, work: Work): Search {
  const shown = JSON.stringify(pattern.slice(0, LONGEST_SHOWN));
  const guarded = <T>(use: () => T): T => {
    try {
      return use();
    } catch (thrown) {
      if (!(thrown instanceof PatternTooComplex)) throw thrown;
      throw refused('tensorTypes', `${shown} is no regular expression that can be used: groups, classes, alternatives and repetitions are, lookaround and back-references are not`);
    }
  };
  const found = guarded(() => new Pattern(lowered(pattern)));
  return { shown, type: typeByName(type), isIn: (name) => guarded(() => found.isIn(name, work)) };
}

function byName(tensors: readonly PresetTensor[], free: ReadonlySet<string>, types: Readonly<Record<string, string>>): Map<string, GgmlTypeName> {
  const all = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const chosen = new Map<string, GgmlTypeName>();
  for (const [name, wanted] of Object.entries(types)) {
    const [tensor, type] = [all.get(name), typeByName(wanted)];
    if (!tensor) throw refused('types', `the model has no tensor ${name}`);
    if (free.has(name)) chosen.set(name, type);
    else if (tensor.type !== type) throw refused('types', `${name} stays ${tensor.type}: llama.cpp does not quantize it`);
  }
  return chosen;
}

/**
 * Throws TARA_TYPE_UNKNOWN, and TARA_OPTION_INVALID for a name that the model does not have, a pattern that is none or matches
 * nothing that can be quantized, and rows that neither a type nor a substitute holds.
 */
export function ownTypes(model: PresetModel, tensors: readonly PresetTensor[], { types = {}, tensorTypes = [] }: OwnTypes): ReadonlyMap<string, GgmlTypeName> {
  if (Object.keys(types).length === 0 && tensorTypes.length === 0) return new Map();
  const free = quantizable(model, tensors);
  const chosen = byName(tensors, new Set(free.map(({ name }) => name)), types);
  const work = someWork();
  const searches = tensorTypes.map((one) => searchOf(one, work));
  const idle = searches.find((search) => !free.some(({ name }) => search.isIn(name)));
  if (idle) throw refused('tensorTypes', `${idle.shown} matches no tensor that can be quantized`);
  for (const { name } of free) {
    const search = chosen.has(name) ? undefined : searches.find((one) => one.isIn(name));
    if (search) chosen.set(name, search.type);
  }
  for (const { name, ne: [cols = 1] } of free) {
    const type = chosen.get(name);
    if (type && WITHOUT_SUBSTITUTE.has(type) && cols % ggmlType(type).blockSize !== 0) {
      throw refused(Object.hasOwn(types, name) ? 'types' : 'tensorTypes', `${name} has rows of ${cols}, which ${type} cannot hold, and llama.cpp has no substitute for it`);
    }
  }
  return chosen;
}
