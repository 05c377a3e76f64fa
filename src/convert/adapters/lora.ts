/**
 * One PEFT adapter as a GGUF LoRA, which llama.cpp loads beside its base: the factors under the names of the base's
 * tensors, in the base's row order, and one alpha. Form and names as llama.cpp's convert_lora_to_gguf.py writes them.
 */
import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { TaraError } from '../../errors.js';
import { ggmlType } from '../../formats/gguf/types.js';
import { innerFile } from '../../formats/folder.js';
import { metadataOf, readGguf } from '../../formats/gguf/file.js';
import { readJsonObject } from '../../formats/json.js';
import { oneLine } from '../../formats/one-line.js';
import { readAdapter, type Adapter, type AdapterModule } from '../../formats/peft/adapter.js';
import type { Plan, PlanStep, PlanTensor, PlanWithBlobs, TensorType } from '../../plan/schema.js';
import { PLAN_FORMAT } from '../../plan/format.js';
import { EMBEDDING, HEAD, moduleWeight, type AdapterBase } from './adapters.js';
import { architectureByHuggingFace, type Architecture } from '../architectures/index.js';
import { knownArchitectures } from '../architectures/plugins.js';
import { architectureOf, modelConfig } from '../checkpoint/config.js';
import { f32, text } from '../entries.js';
import { titleOf } from '../checkpoint/general.js';
import { ggufBase } from '../gguf/base.js';
import { checkOutputs } from '../outputs.js';
import { concreteRules, intoGguf, ruleOf, tieOf, type Laid } from './rules.js';
import { pinned } from '../source.js';
import { autoType, plainType, PLAIN_TYPES, type FloatType } from '../types.js';

export interface LoraInput {
  /** A PEFT folder. */
  readonly adapter: string;
  /** A Hugging Face folder, of which only config.json is read, or a GGUF file. */
  readonly base: string;
  /** File to write, or null to plan only. */
  readonly output: string | null;
  /** Type of the factors: f32 (default), f16, bf16, q8_0 or auto. */
  readonly type?: string | undefined;
  /**
   * llama.cpp multiplies with alpha / rank. `reference` (default) keeps alpha and factors of an rsLoRA as they are, as
   * convert_lora_to_gguf.py does, so that it must be loaded with the planned `scale`; `exact` puts that scale into alpha.
   */
  readonly scaling?: 'reference' | 'exact' | undefined;
  /** file: URLs of modules that describe further architectures. */
  readonly architectures?: readonly string[] | undefined;
}

export interface PlannedLora extends PlanWithBlobs {
  /** The scale with which llama.cpp applies the adapter as it was trained. */
  readonly scale: number;
}

/** A base with what its row order does to factors. */
interface LoraBase extends AdapterBase {
  readonly architecture: string;
  readonly laid: (target: string) => Laid | undefined;
}

/** A checkpoint by its configuration alone. */
async function configBase(dir: string, known: readonly Architecture[]): Promise<LoraBase> {
  const path = join(dir, 'config.json');
  const raw = await readJsonObject(await innerFile(dir, 'config.json'));
  const architecture = architectureByHuggingFace(path, architectureOf(raw), known);
  const config = modelConfig(path, raw, architecture.assumed);
  const dims = architecture.dims(config);
  const rules = concreteRules(architecture, architecture.layers(config));
  const byTarget = new Map([...rules.values()].map((rule) => [`${rule.to}.weight`, rule.rule]));
  const laid = (target: string): Laid | undefined => {
    const rule = byTarget.get(target);
    if (!rule) return undefined;
    const ne = rule.shape.map((dim) => dims[dim] ?? 0).toReversed();
    const heads = rule.ropeHeads === undefined ? undefined : dims[rule.ropeHeads] ?? 0;
    if (heads !== undefined && (ne.at(-1) ?? 0) % (2 * heads) !== 0) throw config.invalid('head_dim must be even');
    return { target, ne, rule, heads };
  };
  return {
    name: basename(dir),
    architecture: architecture.name,
    tie: config.boolean('tie_word_embeddings') === true ? tieOf(architecture) : 'none',
    laid,
    find: (name) => {
      const rule = ruleOf(architecture, rules, name);
      return rule && laid(rule.target);
    },
  };
}

async function baseOf(path: string, known: readonly Architecture[]): Promise<LoraBase> {
  const kind = await stat(path).catch(() => undefined);
  if (!kind) throw new TaraError('TARA_FILE_NOT_FOUND', { path });
  if (kind.isDirectory()) return configBase(path, known);
  const file = await readGguf(path);
  const base = ggufBase(file, known);
  return { ...base, architecture: metadataOf(file).string('general.architecture') ?? base.architecture.name };
}

/** Refuses what the form has no place for. */
function checkForm(adapter: Adapter, base: AdapterBase): void {
  const refuse = (reason: string): TaraError => new TaraError('TARA_LORA_UNSUPPORTED', { path: adapter.dir, reason: oneLine(reason) });
  if (adapter.config.useDora) throw refuse('DoRA scales the merged rows, which needs the base');
  const [saved] = adapter.saved.keys();
  if (saved !== undefined) throw refuse(`it trained ${saved} as a whole, and a GGUF LoRA holds only factors`);
  for (const [module, { embedding }] of adapter.modules) {
    const target = base.find(`${module}.weight`)?.target;
    if (embedding && target !== undefined && target !== EMBEDDING) throw refuse(`it adapts ${module}, an embedding to which llama.cpp adds no factors`);
    if (base.tie !== 'none' && (target === EMBEDDING || target === HEAD)) throw refuse(`it adapts ${module}, and the base's head is its embedding, which llama.cpp cannot adapt apart`);
  }
}

interface Scaling {
  /** adapter.lora.alpha */
  readonly alpha: number;
  readonly scale: number;
  /** What a module's B is multiplied with, since llama.cpp knows one alpha for all. */
  readonly factor: (module: AdapterModule) => number;
}

/** llama.cpp applies scale * alpha / rank to each module; what differs from one to another goes into B. */
function scalingOf({ config, modules }: Adapter, mode: LoraInput['scaling']): Scaling {
  const all = [...modules.values()];
  const [first] = all;
  const wanted = ({ alpha, rank }: AdapterModule): number => alpha * (config.useRslora ? Math.sqrt(rank) : 1);
  const same = (of: (module: AdapterModule) => number): boolean => first !== undefined && all.every((module) => of(module) === of(first));
  const scale = mode !== 'exact' && config.useRslora && first && same(({ rank }) => rank) ? Math.sqrt(first.rank) : 1;
  const common = mode === 'exact' && first && same(wanted) ? wanted(first) : config.loraAlpha;
  // llama.cpp takes an alpha of 0 as none.
  const alpha = common === 0 ? 1 : common;
  return { alpha, scale, factor: (module) => wanted(module) / (scale * alpha) };
}

/** Rows that Q8_0 cannot hold become f16, as everywhere. */
const typeOf = (type: FloatType, row: number): TensorType => (type === 'q8_0' && row % ggmlType('q8_0').blockSize !== 0 ? 'f16' : type);

/** The plan of a GGUF LoRA. Throws TARA_LORA_UNSUPPORTED for what the form cannot hold, TARA_ADAPTER_MISMATCH, TARA_TYPE_UNKNOWN and what the readers throw. */
export async function planLora({ adapter: dir, base: basePath, output, type = 'f32', scaling, architectures }: LoraInput): Promise<PlannedLora> {
  const plain = plainType(type);
  if (plain === undefined) throw new TaraError('TARA_TYPE_UNKNOWN', { type, known: PLAIN_TYPES.join(', ') });
  const [adapter, base] = [await readAdapter(resolve(dir)), await baseOf(resolve(basePath), await knownArchitectures(architectures))];
  checkForm(adapter, base);
  const decided = plain === 'auto' ? autoType(adapter.weights.tensors) : plain;
  const { alpha, scale, factor } = scalingOf(adapter, scaling);
  const tables: Record<string, number[]> = {};

  const tensors = [...adapter.modules].flatMap(([module, lora]): PlanTensor[] => {
    const { target } = moduleWeight(adapter, base, module, lora);
    const laid = base.laid(target);
    const { a, b, embedding } = lora;
    const read = (tensor: string): PlanStep => ({ op: 'read', src: 'adapter', tensor });
    const scaled: PlanStep[] = factor(lora) === 1 ? [] : [{ op: 'affine', scale: factor(lora), offset: 0 }];
    const [rank = 0, inner = 0] = a.shape;
    const rows = b.shape[0] ?? 0;
    const write = (row: number): PlanTensor['to'] => [{ out: 'lora', type: typeOf(decided, row) }];
    // Token rows are looked up, so an embedding's A is stored with a row for each token.
    const [aNe, turned]: [number[], PlanStep[]] = embedding ? [[rank, inner], [{ op: 'transpose' }]] : [[inner, rank], []];
    return [
      { name: `${target}.lora_a`, ne: aNe, steps: [read(a.name), ...turned], to: write(aNe[0] ?? 0) },
      { name: `${target}.lora_b`, ne: [rank, rows], steps: [read(b.name), ...scaled, ...(laid ? intoGguf(laid, tables) : [])], to: write(rank) },
    ];
  });
  const plan: Plan = {
    format: PLAN_FORMAT,
    sources: { adapter: pinned('safetensors', adapter.weights) },
    tables,
    metadata: [
      text('general.architecture', base.architecture),
      text('general.type', 'adapter'),
      text('adapter.type', 'lora'),
      text('general.name', titleOf(basename(adapter.dir))),
      f32('adapter.lora.alpha', alpha),
      ...(scale === 1 ? [] : [f32('tara.lora.scale', scale)]),
    ],
    outputs: { lora: { path: output === null ? null : resolve(output), order: 'plan', set: [], remove: [], alignment: 32 } },
    tensors,
  };
  const folder = (await stat(resolve(basePath))).isDirectory();
  await checkOutputs(output === null ? [] : [resolve(output)], plan.sources, [adapter.dir, ...(folder ? [resolve(basePath)] : [])]);
  return { plan, blobs: new Map(), scale };
}
