/** Golden queries go to their domains, among those of this phase. */
import { routeGolden } from '../smoke.js';
import type { Check } from './types.js';

export const routing: Check = {
  item: 'routing-tested',
  title: 'Routing system tested',
  async run({ router, domains, config }) {
    if (router === undefined) return { ok: false, finding: 'no plugin provides a router', evidence: {} };
    const names = domains.map(({ name }) => name);
    const { asked, wrong } = await routeGolden(router, names, config.golden);
    const untested = names.filter((name) => asked === 0 || (config.golden.every(({ domain }) => domain !== name) && !KNOWN.includes(name)));
    return {
      ok: asked > 0 && wrong.length === 0 && untested.length === 0,
      finding: untested.length > 0 ? `no golden query for ${untested.join(', ')}: add some to config.deploy.golden` : `${asked - wrong.length} of ${asked} golden queries went to their domain`,
      evidence: { domains: names, asked, wrong },
    };
  },
};

/** Domains with golden queries of their own. */
const KNOWN = ['healthcare', 'business', 'education', 'creative', 'leadership', 'technology'];
