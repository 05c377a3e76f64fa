/** Which table a message is matched against: the shipped domains, those of the configuration and of the user's file, or a caller's candidates. */

import type { DomainCandidate } from 'tara-gguf/plugin';
import type { RouterConfig } from '../config.js';
import type { OwnDomains } from '../state/own-domains.js';
import { createTable, shippedDomains, sourceOf, type DomainSource, type Table } from './table.js';

/** Tables of candidates that are kept. */
const KEPT = 8;

/** Configured domains replace shipped ones by name; the user's own examples are added to both. */
export function knownDomains(config: RouterConfig, own: OwnDomains): Map<string, DomainSource> {
  const known = shippedDomains();
  for (const [name, { description = '', keywords, examples, character, threshold }] of Object.entries(config.domains)) {
    known.set(name, { name, description, examples, character, keywords: Object.entries(keywords).map(([term, weight]) => ({ term, weight })), ...(threshold !== undefined && { threshold }) });
  }
  for (const [name, { description, examples }] of Object.entries(own)) {
    const before = known.get(name) ?? { name, description: '', keywords: [], examples: [], character: {} };
    known.set(name, { ...before, description: description ?? before.description, examples: [...new Set([...before.examples, ...examples])] });
  }
  return known;
}

export interface Tables {
  /** The same table for the same domains, as long as it is kept. */
  for(own: OwnDomains, candidates: readonly DomainCandidate[] | undefined): Table;
}

const namesOnly = ({ description, keywords, examples }: DomainCandidate): boolean => description === undefined && keywords === undefined && examples === undefined;

export function createTables(config: RouterConfig): Tables {
  let base: { readonly own: OwnDomains; readonly known: Map<string, DomainSource>; readonly table: Table } | undefined;
  /** In order of use, the last used at the end. */
  const kept = new Map<string, Table>();
  return {
    for(own, candidates) {
      if (base?.own !== own) {
        const known = knownDomains(config, own);
        base = { own, known, table: createTable([...known.values()]) };
        kept.clear();
      }
      const { known, table } = base;
      if (candidates === undefined || candidates.every((candidate) => namesOnly(candidate) && table.index.has(candidate.name))) return table;
      const key = JSON.stringify(candidates.map(({ name, description, keywords, examples }) => [name, description, keywords, examples]));
      const made = kept.get(key) ?? createTable(candidates.map((candidate) => sourceOf(candidate, known.get(candidate.name))));
      kept.delete(key);
      kept.set(key, made);
      if (kept.size > KEPT) kept.delete(kept.keys().next().value ?? '');
      return made;
    },
  };
}
