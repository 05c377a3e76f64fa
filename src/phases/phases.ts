/** Phases as a library object: each call opens the registry, does one thing and closes it. */
import { resolve } from 'node:path';
import type { Engine } from '../engine/index.js';
import type { Compressor } from '../kernel/capabilities/index.js';
import type { HookCaller } from '../kernel/services.js';
import { buildPhase, type BuildReport } from './build/build.js';
import type { BuildOptions } from './build/inputs.js';
import type { DomainChange } from './registry/domain-store.js';
import type { Home } from './home.js';
import { Registry } from './registry/registry.js';
import { domainName, phaseNumber, type PhaseSettings } from './settings.js';
import type { Build, Domain, Phase, Release } from './types.js';

export interface PhaseView extends Phase {
  readonly domains: readonly Domain[];
  readonly builds: readonly Build[];
  readonly releases: readonly Release[];
}

export interface Phases {
  create(phase: number, settings?: Partial<PhaseSettings>): Phase;
  /** A new pending domain; on a known one the path is replaced. */
  addDomain(phase: number, name: string, domain: { readonly path: string; readonly text?: string; readonly calibration?: string }): Domain;
  updateDomain(phase: number, name: string, change: DomainChange): Domain;
  list(): readonly Phase[];
  show(phase: number): PhaseView;
  build(phase: number, options?: BuildOptions): Promise<BuildReport>;
}

export interface PhasesOptions {
  readonly home: Home;
  readonly hooks: HookCaller;
  readonly engine: Engine;
  compressor(): Compressor | undefined;
}

export function createPhases({ home, hooks, engine, compressor }: PhasesOptions): Phases {
  const read = <T>(work: (registry: Registry) => T): T => {
    using registry = Registry.open(home, { create: false });
    return work(registry);
  };
  const write = <T>(work: (registry: Registry) => T): T => {
    using registry = Registry.open(home);
    return work(registry);
  };
  return {
    create: (phase, settings = {}) => write((registry) => registry.phases.create(phaseNumber(phase), settings)),
    addDomain: (phase, name, domain) =>
      write((registry) => registry.domains.add(phaseNumber(phase), {
        name: domainName(name),
        path: resolve(domain.path),
        ...(domain.text === undefined ? {} : { text: resolve(domain.text) }),
        ...(domain.calibration === undefined ? {} : { calibration: resolve(domain.calibration) }),
      }).domain),
    updateDomain: (phase, name, change) => write((registry) => registry.domains.update(phaseNumber(phase), domainName(name), change)),
    list: () => read((registry) => registry.phases.list()),
    show: (phase) => read((registry) => ({
      ...registry.phases.get(phaseNumber(phase)),
      domains: registry.domains.list(phase),
      builds: registry.builds.list(phase),
      releases: registry.releases.list({ phase }),
    })),
    async build(phase, options = {}) {
      using registry = Registry.open(home);
      return await buildPhase({ registry, hooks, engine, compressor: compressor() }, phaseNumber(phase), options);
    },
  };
}
