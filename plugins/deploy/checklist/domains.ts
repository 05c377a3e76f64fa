/** Every domain of the phase is complete, and its adapter is sound once it was cleaned, as a build cleans it. */
import { join } from 'node:path';
import { asTaraError } from 'tara-gguf/plugin';
import type { Check, CheckInput } from './types.js';

interface Cleaned {
  readonly name: string;
  readonly path: string;
  readonly valid: boolean;
  /** Validation scores, 0..1. */
  readonly scores: readonly number[];
  readonly issues: readonly string[];
}

async function clean({ phase, build, hooks, scratch, signal }: CheckInput, { name, path }: CheckInput['domains'][number]): Promise<Cleaned> {
  const baseDir = typeof build.report?.base === 'string' ? build.report.base : '';
  try {
    const { reports } = await hooks.waterfall('phase:clean', { phase: phase.number, domain: name, path, baseDir, workDir: join(scratch, name), reports: [] }, { signal });
    return { name, path, valid: reports.every(({ valid }) => valid), scores: reports.map(({ score }) => score), issues: reports.flatMap(({ issues }) => issues.map(({ severity, code, path: at }) => `${severity} ${code} ${at}`)) };
  } catch (thrown) {
    const error = asTaraError(thrown);
    if (error.code === 'TARA_ABORTED') throw error;
    return { name, path, valid: false, scores: [], issues: [error.message] };
  }
}

export const domains: Check = {
  item: 'domains-cleaned',
  title: 'All domains validated and cleaned',
  async run(input) {
    if (!input.hooks.has('phase:clean')) return { ok: false, finding: 'no plugin cleans adapters', evidence: {} };
    const open = input.domains.filter(({ status }) => status !== 'complete').map(({ name, status }) => `${name} (${status})`);
    const cleaned: Cleaned[] = [];
    for (const domain of input.domains) cleaned.push(await clean(input, domain));
    const bad = cleaned.filter(({ valid }) => !valid).map(({ name, issues: [first = ''] }) => `${name} (${first})`);
    const problems = [...(input.domains.length === 0 ? ['the phase has no domain'] : []), ...(open.length === 0 ? [] : [`not complete: ${open.join(', ')}`]), ...(bad.length === 0 ? [] : [`not valid: ${bad.join(', ')}`])];
    const ok = problems.length === 0;
    return { ok, finding: ok ? `${cleaned.length} domains, all complete and valid` : problems.join('; '), evidence: { domains: cleaned } };
  },
};
