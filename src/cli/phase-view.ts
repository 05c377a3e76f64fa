/** Phases, domains, builds and releases as --json shows them; scripts rely on these forms. */
import { join } from 'node:path';
import type { Registry } from '../phases/registry/registry.js';
import type { Build, Domain, Release } from '../phases/types.js';
import type { CoreContext } from './context.js';

/** Where a domain's adapter is expected when nobody says otherwise. */
export const defaultAdapterPath = (context: Pick<CoreContext, 'path'>, name: string): string => context.path(join('models', 'adapters', name));

export const domainJson = ({ name, status, quality, path, text, calibration, metrics }: Domain) => ({ name, status, quality, path, text, calibration, metrics });

export const buildJson = ({ id, status, quantization, compressionType, layout, output, files, bytes, ratio, seconds, peakRssBytes, quality, reason, cleaned, startedAt, finishedAt }: Build) =>
  ({ id, status, quantization, compressionType, layout, output, files, bytes, ratio, seconds, peakRssBytes, quality, reason, cleaned, startedAt, finishedAt });

export const releaseJson = ({ id, build, target, layout, status, createdAt }: Release) => ({ id, build, target, layout, status, createdAt });

/** One phase with its domains, its last good build and its current release. TARA_PHASE_NOT_FOUND. */
export function phaseJson(registry: Registry, number: number) {
  const { status, current, reason, settings, createdAt, updatedAt } = registry.phases.get(number);
  const build = registry.builds.lastGood(number);
  const release = registry.releases.list({ phase: number }).find((candidate) => candidate.status === 'current');
  return {
    phase: number, status, current, reason, settings,
    domains: registry.domains.list(number).map(domainJson),
    output: build === undefined ? null : { build: build.id, path: build.output, bytes: build.bytes },
    release: release?.id ?? null,
    createdAt, updatedAt,
  };
}
