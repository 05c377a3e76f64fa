/** A build's files, what was measured of it and what a merge was chosen from, as tables. */
import { basename } from 'node:path';
import type { SettledMerge } from '../phases/build/merge.js';
import type { BuildQuality } from '../phases/build/quality.js';
import type { BuildFile, Metrics } from '../phases/types.js';
import { formatBytes } from './format.js';
import { table } from './table.js';

const loss = (value: number | null | undefined): string => (value == null ? '-' : value.toFixed(3));

/** Files where there are several, and losses where some were measured; a build of an earlier version may have measured less. `of` tells which build, where there are others. */
export function buildTables(files: readonly BuildFile[], quality: BuildQuality | Metrics | null, of = ''): string[] {
  const { domainLoss = {}, compared = {} } = (quality ?? {}) as Partial<BuildQuality>;
  const names = Object.keys(domainLoss);
  const items = (name: string): number | undefined => compared[name]?.items;
  const more = names.some((name) => domainLoss[name]?.items !== items(name));
  return [
    ...(files.length < 2 ? [] : [table([
      { title: `FILE${of}`, value: ({ path }) => basename(path) },
      { title: 'ROLE', value: ({ role }) => role },
      { title: 'DOMAIN', value: ({ domain }) => domain ?? '-' },
      { title: 'SIZE', value: ({ bytes }) => formatBytes(bytes), align: 'right' },
    ], files)]),
    ...(names.length === 0 ? [] : [table([
      { title: `LOSS${of}`, value: (name) => name },
      { title: 'BASE', value: (name) => loss(compared[name]?.base), align: 'right' },
      { title: 'OWN ADAPTER', value: (name) => loss(compared[name]?.own), align: 'right' },
      { title: 'THIS BUILD', value: (name) => loss(compared[name]?.build), align: 'right' },
      { title: 'ITEMS', value: (name) => String(items(name) ?? '-'), align: 'right' },
      ...(more ? [
        { title: 'THIS BUILD, ALL', value: (name: string) => loss(domainLoss[name]?.meanLoss), align: 'right' as const },
        { title: 'ITEMS', value: (name: string) => String(domainLoss[name]?.items ?? '-'), align: 'right' as const },
      ] : []),
    ], names)]),
  ];
}

const short = (value: unknown): string => (typeof value === 'number' ? String(Number(value.toFixed(3))) : String(value));

/** One number where all are equal. */
function weightsText(weights: Readonly<Record<string, number>>): string {
  const values = Object.values(weights);
  return values.every((value) => value === values[0]) ? short(values[0]) : Object.entries(weights).map(([name, value]) => `${name} ${short(value)}`).join(', ');
}

/** What auto tried, its choice marked. */
export function triedTable(tried: NonNullable<SettledMerge['tried']>): string {
  const domains = Object.keys(tried.table[0]?.losses ?? {});
  const rows = tried.table.map((row, index) => ({ ...row, taken: index === tried.chosen }));
  return table([
    { title: '', value: ({ taken }) => (taken ? '*' : ' ') },
    { title: 'MERGE', value: ({ method }) => method },
    { title: 'SETTINGS', value: ({ settings }) => Object.entries(settings).filter(([name]) => name !== 'method').map(([name, value]) => `${name} ${short(value)}`).join(', ') || '-' },
    { title: 'WEIGHTS', value: ({ weights }) => weightsText(weights) },
    ...domains.map((domain) => ({ title: domain.toUpperCase(), value: ({ losses }: (typeof rows)[number]) => loss(losses[domain]), align: 'right' as const })),
    { title: 'KEPT, WORST', value: ({ worstKept }) => `${(worstKept * 100).toFixed(1)} %`, align: 'right' },
    { title: 'KEPT, MEAN', value: ({ meanKept }) => `${(meanKept * 100).toFixed(1)} %`, align: 'right' },
  ], rows);
}
