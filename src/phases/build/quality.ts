/** The measured quality of a build: its loss on the unseen lines of each domain, beside the base's and each own adapter's. */
import type { Engine, Model } from '../../engine/index.js';
import { lossTokens, readLossItems, servedDomains, servedIn, tokenLoss, type DomainLoss, type LossItem, type ServedFile } from '../../models/index.js';
import type { BuildOptions } from './inputs.js';
import type { Domain } from '../types.js';

/** Mean token losses in nats on the same lines; null where it was not measured. */
export interface ComparedLoss {
  readonly items: number;
  readonly tokens: number;
  readonly base: number | null;
  readonly own: number | null;
  readonly build: number;
}

export interface BuildQuality {
  /** Mean token loss of this build in nats, over all lines of each domain. */
  readonly domainLoss: Readonly<Record<string, DomainLoss>>;
  /** What merging cost, on the first lines of each domain; empty unless all is measured. */
  readonly compared: Readonly<Record<string, ComparedLoss>>;
  readonly seconds: number;
}

export interface MeasureRequest {
  readonly domains: readonly Domain[];
  readonly files: readonly ServedFile[];
  /** The base, quantized as the build is, with a LoRA for each domain that no file of the build is for; undefined where the build alone is measured. */
  readonly reference: (() => Promise<readonly ServedFile[]>) | undefined;
  readonly engine: Engine;
  readonly options: BuildOptions;
}

/** Items of a domain that the base and the own adapter are measured on too: enough to compare, at a fraction of the time. */
const COMPARED_ITEMS = 24;

interface Losses {
  /** Of the items that are compared. */
  readonly head: DomainLoss;
  readonly all: DomainLoss;
}

interface DomainText {
  readonly name: string;
  readonly items: readonly LossItem[];
}

function together(a: DomainLoss, b: DomainLoss): DomainLoss {
  if (a.tokens === 0 || b.tokens === 0) return a.tokens === 0 ? b : a;
  const tokens = a.tokens + b.tokens;
  return { items: a.items + b.items, tokens, meanLoss: (a.meanLoss * a.tokens + b.meanLoss * b.tokens) / tokens };
}

/** Measures files on text with one model in memory at a time; calls for files that one model serves come together. */
class Bench {
  #path = '';
  #model: Model | undefined;

  constructor(readonly engine: Engine, readonly options: BuildOptions) {}

  /** As `domain` would be answered. Null where no file answers. */
  async losses(files: readonly ServedFile[], domain: string, items: readonly LossItem[]): Promise<Losses | null> {
    const served = servedIn(files, domain);
    if (!served) return null;
    const { signal } = this.options;
    const model = await this.#open(served.path, served.adapters);
    const lossOf = async (part: readonly LossItem[]) => tokenLoss(model, await lossTokens(model, part, { signal }), { adapters: served.use, signal });
    const head = await lossOf(items.slice(0, COMPARED_ITEMS));
    return { head, all: together(head, await lossOf(items.slice(COMPARED_ITEMS))) };
  }

  async #open(path: string, adapters: Readonly<Record<string, string>>): Promise<Model> {
    if (this.#model && this.#path === path) return this.#model;
    await this.close();
    this.#model = await this.engine.load(path, { slots: 1, adapters, threads: this.options.threads, signal: this.options.signal });
    this.#path = path;
    return this.#model;
  }

  async close(): Promise<void> {
    await this.#model?.dispose();
    this.#model = undefined;
  }
}

/** The base's and the own adapters' losses beside the build's, on the same items. */
async function compare(
  bench: Bench, texts: readonly DomainText[], build: Readonly<Record<string, Losses>>, apart: readonly string[], reference: readonly ServedFile[], tell: (detail: string) => void,
): Promise<Record<string, ComparedLoss>> {
  const compared: Record<string, ComparedLoss> = {};
  for (const { name, items } of texts) {
    const of = build[name]?.head;
    if (!of) continue;
    const head = items.slice(0, COMPARED_ITEMS);
    const measured = async (domain: string, what: string): Promise<number | null> => {
      tell(`${name}, ${what}`);
      return (await bench.losses(reference, domain, head))?.head.meanLoss ?? null;
    };
    // No domain has an empty name, so the base answers alone.
    const base = await measured('', 'base');
    // A domain with a file of its own in the build has its own adapter there.
    const own = apart.includes(name) ? of.meanLoss : servedDomains(reference).includes(name) ? await measured(name, 'its own adapter') : null;
    compared[name] = { items: of.items, tokens: of.tokens, base, own, build: of.meanLoss };
  }
  return compared;
}

/** Null when no domain has lines of its own. */
export async function measureQuality({ domains, files, reference, engine, options }: MeasureRequest): Promise<BuildQuality | null> {
  const texts: DomainText[] = [];
  for (const { name, text } of domains) if (text !== null) texts.push({ name, items: await readLossItems(text) });
  if (texts.length === 0) return null;
  const started = performance.now();
  const bench = new Bench(engine, options);
  const apart = servedDomains(files);
  const passes = texts.length * (reference ? 2 : 1) + (reference ? texts.filter(({ name }) => !apart.includes(name)).length : 0);
  let pass = 0;
  const tell = (detail: string): void => options.onProgress?.('measure', pass++ / passes, detail);
  try {
    const build: Record<string, Losses> = {};
    for (const { name, items } of texts) {
      tell(name);
      const measured = await bench.losses(files, name, items);
      if (measured) build[name] = measured;
    }
    const compared = reference ? await compare(bench, texts, build, apart, await reference(), tell) : {};
    const domainLoss = Object.fromEntries(Object.entries(build).map(([name, { all }]) => [name, all]));
    return { domainLoss, compared, seconds: (performance.now() - started) / 1000 };
  } finally {
    await bench.close();
  }
}
