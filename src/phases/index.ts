/**
 * Phases and domains: their life, the registry that remembers them, their settings, and the factory that builds them.
 * registry/ holds what is remembered, build/ the factory. May import models, measure, engine, convert, plan, formats, kernel, workers, errors and write-whole; never cli or server.
 */
export { Registry, type RegistryOptions } from './registry/registry.js';
export { homeAt, homeOf, type Home } from './home.js';
export { DOMAIN_MOVES, DOMAIN_STATUSES, PHASE_MOVES, PHASE_STATUSES, type DomainStatus, type PhaseStatus } from './lifecycle.js';
export {
  COMPRESSION_TYPES, DEFAULT_SETTINGS, LAYOUTS, MERGES, compressionType, domainName, domainNames, domainStatus, fraction, layoutName, mergeName, metricsObject, phaseNumber,
  quantizationName, type CompressionType, type Layout, type MergeName, type PhaseSettings,
} from './settings.js';
export { registryAccess, type RegistryAccess } from './service.js';
export type { CleanupPlan } from './registry/build-store.js';
export type { DomainChange, NewDomain } from './registry/domain-store.js';
export type { Checklist, ChecklistItem, ChecklistVerdict, Waiver } from './types.js';
export type { Build, BuildFile, BuildResult, BuildStatus, Domain, EventKind, Metrics, NewRelease, Phase, RegistryEvent, Release, ReleaseStatus } from './types.js';
