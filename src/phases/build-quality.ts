/** The measured quality of a built file: its loss on the unseen lines of each domain. */
import type { Engine } from '../engine/index.js';
import { domainLoss, readLossItems, type DomainLoss } from '../models/index.js';
import type { BuildInputs, BuildOptions } from './build-inputs.js';

export interface BuildQuality {
  /** Mean token loss in nats, by domain. */
  readonly domainLoss: Readonly<Record<string, DomainLoss>>;
  readonly seconds: number;
}

/** Tokens of an item that are measured at most. */
const MEASURED_CONTEXT = 2048;

/** Null when no domain has lines of its own. */
export async function measureQuality(inputs: BuildInputs, output: string, engine: Engine | undefined, options: BuildOptions): Promise<BuildQuality | null> {
  const texts = inputs.domains.flatMap(({ name, text }) => (text === null ? [] : [{ name, text }]));
  if (!engine || texts.length === 0) return null;
  const started = performance.now();
  const model = await engine.load(output, { slots: 1, contextSize: MEASURED_CONTEXT, threads: options.threads, signal: options.signal });
  try {
    const losses: Record<string, DomainLoss> = {};
    for (const [index, { name, text }] of texts.entries()) {
      options.onProgress?.('measure', index / texts.length, name);
      losses[name] = await domainLoss(model, await readLossItems(text), options.signal);
    }
    return { domainLoss: losses, seconds: (performance.now() - started) / 1000 };
  } finally {
    await model.dispose();
  }
}
