/** Every domain that was built is complete, and its adapter is sound. */
import type { Check } from './types.js';

export const domains: Check = {
  item: 'domains-cleaned',
  title: 'All domains validated and cleaned',
  async run({ domains: all, cleaner, signal }) {
    if (cleaner === undefined) return { ok: false, finding: 'no plugin provides a cleaner', evidence: {} };
    const open = all.filter(({ status }) => status !== 'complete').map(({ name, status }) => `${name} (${status})`);
    const reports = await Promise.all(all.map(async ({ name, path }) => {
      const { valid, score, issues } = await cleaner.clean(path, { signal });
      return { name, path, valid, score, issues: issues.filter(({ severity }) => severity === 'error').map(({ code, path: at }) => `${code} ${at}`) };
    }));
    const bad = reports.filter(({ valid }) => !valid).map(({ name }) => name);
    const ok = open.length === 0 && bad.length === 0 && all.length > 0;
    const parts = [...(open.length === 0 ? [] : [`not complete: ${open.join(', ')}`]), ...(bad.length === 0 ? [] : [`not valid: ${bad.join(', ')}`])];
    return { ok, finding: ok ? `${reports.length} domains, all complete and valid` : parts.join('; ') || 'the phase has no domain', evidence: { domains: reports } };
  },
};
