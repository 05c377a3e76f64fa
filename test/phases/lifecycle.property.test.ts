/** Any sequence of commands, crashes included, leaves a state that the tables allow and the event log explains. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import Database from 'libsql';
import { expect, it } from 'vitest';
import { isErrorCode, TaraError } from '../../src/errors.js';
import { DOMAIN_MOVES, DOMAIN_STATUSES, PHASE_MOVES, type DomainStatus, type PhaseStatus } from '../../src/phases/lifecycle.js';
import { Registry } from '../../src/phases/registry/registry.js';
import { temporary } from './temporary.js';

const fresh = temporary();
const NAMES = ['a', 'b'] as const;

/** What the phase must look like, worked out apart from the registry. */
interface Model {
  status: PhaseStatus;
  domains: Map<string, DomainStatus>;
  running: { id: number; before: PhaseStatus } | null;
  /** Ids of good builds whose files are there. */
  good: number[];
  builds: number;
  releases: number;
}

interface Real {
  readonly home: string;
  registry: Registry;
}

type Step = fc.Command<Model, Real>;

/** Runs `act`; it must succeed exactly when `legal`, and change nothing when it fails. */
function attempt(real: Real, legal: boolean, act: () => void): boolean {
  const before = dump(real.home);
  try {
    act();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(TaraError);
    expect(isErrorCode((thrown as TaraError).code)).toBe(true);
    expect((thrown as TaraError).code).not.toBe('TARA_INTERNAL');
    expect(legal, `refused: ${String(thrown)}`).toBe(false);
    expect(dump(real.home)).toEqual(before);
    return false;
  }
  expect(legal, 'succeeded though it is not legal').toBe(true);
  return true;
}

function dump(home: string): unknown {
  const db = new Database(join(home, 'registry.db'));
  const rows = ['phases', 'domains', 'builds', 'releases', 'events'].map((table) => db.prepare(`SELECT * FROM ${table}`).all());
  db.close();
  return rows;
}

const endBuild = (model: Model): void => {
  if (model.running) model.status = model.running.before === 'deployed' ? 'deployed' : 'failed';
  model.running = null;
};

class AddDomain implements Step {
  constructor(readonly name: string) {}
  check = () => true;
  run(model: Model, real: Real) {
    attempt(real, true, () => real.registry.domains.add(1, { name: this.name, path: `/${this.name}` }));
    if (!model.domains.has(this.name)) model.domains.set(this.name, 'pending');
    verify(model, real);
  }
  toString = () => `add ${this.name}`;
}

class UpdateDomain implements Step {
  constructor(readonly name: string, readonly status: DomainStatus) {}
  check = () => true;
  run(model: Model, real: Real) {
    const from = model.domains.get(this.name);
    const legal = from !== undefined && (from === this.status || DOMAIN_MOVES[from].includes(this.status));
    if (attempt(real, legal, () => real.registry.domains.update(1, this.name, { status: this.status }))) {
      model.domains.set(this.name, this.status);
      if (this.status !== 'pending' && model.status === 'planning') model.status = 'training';
    }
    verify(model, real);
  }
  toString = () => `update ${this.name} ${this.status}`;
}

class StartBuild implements Step {
  check = () => true;
  run(model: Model, real: Real) {
    const legal = model.running === null && [...model.domains.values()].includes('complete');
    if (attempt(real, legal, () => real.registry.builds.start(1))) {
      model.running = { id: ++model.builds, before: model.status };
      model.status = 'merging';
    }
    verify(model, real);
  }
  toString = () => 'build';
}

class EndBuild implements Step {
  constructor(readonly how: 'compressing' | 'finish' | 'fail') {}
  check = (model: Readonly<Model>) => model.builds > 0;
  run(model: Model, real: Real) {
    const { builds } = real.registry;
    const id = model.builds;
    const act = { compressing: () => builds.compressing(id), finish: () => builds.finish(id, { output: '/m', bytes: 1, seconds: 1, peakRssBytes: 1 }), fail: () => builds.fail(id, 'because') };
    if (attempt(real, model.running?.id === id, act[this.how])) {
      if (this.how === 'fail') endBuild(model);
      else model.status = 'compressing';
      if (this.how === 'finish') {
        model.good.push(id);
        model.running = null;
      }
    }
    verify(model, real);
  }
  toString = () => this.how;
}

class Deploy implements Step {
  check = () => true;
  run(model: Model, real: Real) {
    const act = () => {
      const build = real.registry.builds.needGood(1);
      real.registry.releases.record({ id: `r${model.releases + 1}`, phase: 1, build: build.id, target: '/t', layout: 'plain' });
    };
    if (attempt(real, model.good.length > 0, act)) {
      model.releases++;
      if (model.running) model.running.before = 'deployed';
      else model.status = 'deployed';
    }
    verify(model, real);
  }
  toString = () => 'deploy';
}

class Rollback implements Step {
  constructor(readonly pick: number) {}
  check = (model: Readonly<Model>) => model.releases > 0;
  run(model: Model, real: Real) {
    attempt(real, true, () => real.registry.releases.makeCurrent(`r${(this.pick % model.releases) + 1}`));
    verify(model, real);
  }
  toString = () => `rollback ${this.pick}`;
}

class Cleanup implements Step {
  constructor(readonly all: boolean) {}
  check = () => true;
  run(model: Model, real: Real) {
    if (attempt(real, model.running === null, () => real.registry.builds.cleanup(1, this.all))) {
      model.good = real.registry.builds.list(1).filter((build) => build.status === 'good' && !build.cleaned).map((build) => build.id);
      if (this.all) expect(model.good).toEqual([]);
      if (model.status === 'compressing' && model.good.length === 0) model.status = 'training';
    }
    verify(model, real);
  }
  toString = () => `cleanup${this.all ? ' --all' : ''}`;
}

class Advance implements Step {
  check = () => true;
  run(model: Model, real: Real) {
    attempt(real, model.status === 'deployed', () => real.registry.phases.advance(1));
    verify(model, real);
  }
  toString = () => 'advance';
}

/** The process dies (its build's start token fits no process any more) and the next command opens the registry. */
class Crash implements Step {
  check = () => true;
  run(model: Model, real: Real) {
    real.registry.close();
    const db = new Database(join(real.home, 'registry.db'));
    db.exec("UPDATE builds SET token = 'gone' WHERE status = 'running'");
    db.close();
    real.registry = Registry.open(real.home);
    expect(real.registry.repaired).toEqual(model.running ? [model.running.id] : []);
    endBuild(model);
    verify(model, real);
  }
  toString = () => 'crash';
}

function verify(model: Model, { registry }: Real): void {
  const phase = registry.phases.get(1);
  const builds = registry.builds.list(1);
  expect(phase.status).toBe(model.status);
  expect(new Map(registry.domains.list(1).map((domain) => [domain.name, domain.status]))).toEqual(model.domains);
  const running = builds.filter((build) => build.status === 'running');
  expect(running.map((build) => build.id)).toEqual(model.running ? [model.running.id] : []);
  // What each status means.
  if (phase.status === 'planning') expect([...model.domains.values()].every((status) => status === 'pending')).toBe(true);
  if (phase.status === 'merging') expect(running.length).toBe(1);
  if (phase.status === 'compressing') expect(running.length === 1 || registry.builds.lastGood(1) !== undefined).toBe(true);
  if (phase.status === 'deployed') expect(registry.releases.list({ phase: 1 }).filter((release) => release.status === 'current').length).toBe(1);
  // Failed builds leave no files; running ones have their folder.
  for (const build of builds) expect(existsSync(build.folder)).toBe(build.status !== 'failed' && !build.cleaned);
  // The log tells every move, and only legal ones.
  let status: string | null = 'planning';
  for (const event of registry.events({ phase: 1 })) {
    if (event.kind !== 'phase.status') continue;
    expect(event.from).toBe(status);
    expect(PHASE_MOVES[event.from as PhaseStatus]).toContain(event.to);
    status = event.to;
  }
  expect(status).toBe(phase.status);
  expect(registry.phases.list().filter((candidate) => candidate.current).length).toBe(1);
}

it('never leaves an illegal state', () => {
  const name = fc.constantFrom(...NAMES);
  const complete = name.map((domain) => new UpdateDomain(domain, 'complete'));
  const steps = [
    name.map((domain) => new AddDomain(domain)),
    fc.tuple(name, fc.constantFrom(...DOMAIN_STATUSES)).map(([domain, status]) => new UpdateDomain(domain, status)),
    complete,
    fc.constant(new StartBuild()), fc.constant(new StartBuild()),
    fc.constantFrom('compressing', 'finish', 'fail').map((how) => new EndBuild(how as 'compressing')),
    fc.constant(new EndBuild('finish')),
    fc.constant(new Deploy()), fc.nat(5).map((pick) => new Rollback(pick)),
    fc.boolean().map((all) => new Cleanup(all)), fc.constant(new Advance()), fc.constant(new Crash()),
  ];
  fc.assert(fc.property(fc.commands(steps, { maxCommands: 40 }), (commands) => {
    const home = fresh();
    const registry = Registry.open(home);
    registry.phases.create(1);
    for (const name of NAMES) registry.domains.add(1, { name, path: `/${name}` });
    const real: Real = { home, registry };
    const model: Model = { status: 'planning', domains: new Map(NAMES.map((name) => [name, 'pending'])), running: null, good: [], builds: 0, releases: 0 };
    try {
      fc.modelRun(() => ({ model, real }), commands);
    } finally {
      real.registry.close();
      rmSync(home, { recursive: true, force: true });
    }
  }), { numRuns: 60 });
});
