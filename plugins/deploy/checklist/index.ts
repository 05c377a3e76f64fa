/** The production checklist: each item is one check in a file of its own, which does what it says and keeps what it found. */
import { asTaraError, TaraError } from 'tara-gguf/plugin';
import type { ChecklistItem, Waiver } from 'tara-gguf';
import { compression } from './compression.js';
import { domains } from './domains.js';
import { emotion } from './emotion.js';
import { owner } from './owner.js';
import { performanceCheck } from './performance.js';
import { integration, rollbackRehearsed } from './rehearsal.js';
import { resources } from './resources.js';
import { routing } from './routing.js';
import { security } from './security.js';
import type { Check, CheckInput } from './types.js';

export const CHECKS: readonly Check[] = [domains, compression, emotion, routing, performanceCheck, security, integration, rollbackRehearsed, resources, owner];

/** A check that cannot run has failed. */
async function verdictOf({ item, title, run }: Check, input: CheckInput, waiver: Waiver | undefined): Promise<ChecklistItem> {
  const { ok, finding, evidence } = await run(input).catch((thrown: unknown) => {
    const { code, message } = asTaraError(thrown);
    if (code === 'TARA_ABORTED') throw thrown;
    return { ok: false, finding: `${code}: ${message}`, evidence: {} };
  });
  if (ok) return { item, title, verdict: 'pass', finding, evidence };
  return { item, title, verdict: waiver === undefined ? 'fail' : 'waived', finding, evidence, ...(waiver && { waiver }) };
}

/** One after another: checks that measure must have the machine to themselves. Throws TARA_ABORTED. */
export async function runChecks(input: CheckInput, waivers: Readonly<Record<string, Waiver>>, onItem: (index: number, item: string) => void): Promise<ChecklistItem[]> {
  const items: ChecklistItem[] = [];
  for (const [index, check] of CHECKS.entries()) {
    if (input.signal.aborted) throw new TaraError('TARA_ABORTED');
    onItem(index, check.title);
    items.push(await verdictOf(check, input, waivers[check.item]));
  }
  return items;
}
