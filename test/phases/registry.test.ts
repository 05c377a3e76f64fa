import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { describe, expect, it } from 'vitest';
import { Db } from '../../src/phases/registry/database.js';
import { MIGRATIONS, migrate } from '../../src/phases/registry/migrations/index.js';
import { Registry } from '../../src/phases/registry/registry.js';
import { temporary } from './temporary.js';

const fresh = temporary();
const code = (name: string) => expect.objectContaining({ code: name });
const GOOD = { output: '/out.gguf', bytes: 100, seconds: 1.5, peakRssBytes: 1000 };

/** A registry whose phase 1 has one complete domain. */
function ready(home = fresh()): Registry {
  const registry = Registry.open(home);
  registry.phases.create(1);
  registry.domains.add(1, { name: 'health', path: '/adapters/health' });
  registry.domains.update(1, 'health', { status: 'complete' });
  return registry;
}

/** Makes the running builds of a registry look as if their process had died. */
function killBuilds(home: string): void {
  const db = new Database(join(home, 'registry.db'));
  db.exec("UPDATE builds SET token = 'of a process that is gone' WHERE status = 'running'");
  db.close();
}

describe('opening', () => {
  it('creates the file with WAL and the newest schema; a reader creates nothing', () => {
    const home = join(fresh(), 'deep', '.tara');
    const reader = Registry.open(home, { create: false });
    expect(reader.phases.list()).toEqual([]);
    reader.close();
    expect(existsSync(home)).toBe(false);
    Registry.open(home).close();
    const db = new Database(join(home, 'registry.db'));
    expect(db.pragma('user_version')).toEqual([{ user_version: MIGRATIONS.length }]);
    expect(db.pragma('journal_mode')).toEqual([{ journal_mode: 'wal' }]);
    db.close();
  });

  it('brings an empty file and a file of version 1 to the newest schema, keeping its rows', () => {
    const empty = fresh();
    writeFileSync(join(empty, 'registry.db'), '');
    Registry.open(empty).close();

    const old = fresh();
    const db = new Db(join(old, 'registry.db'));
    migrate(db, MIGRATIONS.slice(0, 1));
    db.run("INSERT INTO phases (number, status, current, quantization, compression_type, created_at, updated_at) VALUES (7, 'training', 1, 'Q8_0', 'hybrid', 'then', 'then')");
    db.run("INSERT INTO domains (phase, name, status, path, created_at, updated_at) VALUES (7, 'law', 'complete', '/a', 'then', 'then')");
    db.close();
    using registry = Registry.open(old);
    expect(registry.phases.get(7)).toMatchObject({ status: 'training', current: true, settings: { quantization: 'Q8_0', compressionType: 'hybrid' } });
    expect(registry.phases.get(7).settings).toMatchObject({ layout: 'merged', merge: 'linear' });
    expect(registry.domains.list(7)).toMatchObject([{ name: 'law', text: null, calibration: null }]);
    expect(registry.releases.list()).toEqual([]);
  });

  it('brings a file of version 2 to the newest schema: what was built before layouts is one merged model', () => {
    const old = fresh();
    const db = new Db(join(old, 'registry.db'));
    migrate(db, MIGRATIONS.slice(0, 2));
    db.run("INSERT INTO phases (number, status, current, quantization, compression_type, created_at, updated_at) VALUES (1, 'compressing', 1, 'Q8_0', 'standard', 'then', 'then')");
    db.run("INSERT INTO builds (phase, status, pid, token, phase_before, quantization, compression_type, files, output, bytes, started_at) VALUES (1, 'good', 1, '', 'training', 'Q8_0', 'standard', '[\"phase-1/1\"]', 'phase-1/1/m.gguf', 5, 'then')");
    db.close();
    using registry = Registry.open(old);
    const path = join(old, 'builds', 'phase-1', '1', 'm.gguf');
    expect(registry.builds.needGood(1)).toMatchObject({ layout: 'merged', output: path, files: [{ path, role: 'model', domain: null, bytes: 5 }] });
  });

  it('has migrations numbered from 1 without gaps', () => {
    expect(MIGRATIONS.map((migration) => migration.version)).toEqual(MIGRATIONS.map((_, index) => index + 1));
  });

  it('leaves a file that is no registry as it is', () => {
    const text = fresh();
    writeFileSync(join(text, 'registry.db'), 'not a database, but somebody wrote it. '.repeat(200));
    const before = readFileSync(join(text, 'registry.db'));
    expect(() => Registry.open(text)).toThrow(code('TARA_REGISTRY_CORRUPT'));
    expect(readFileSync(join(text, 'registry.db')).equals(before)).toBe(true);

    const foreign = fresh();
    const db = new Database(join(foreign, 'registry.db'));
    db.exec('CREATE TABLE somebodys (x)');
    db.close();
    const bytes = readFileSync(join(foreign, 'registry.db'));
    expect(() => Registry.open(foreign)).toThrow(code('TARA_REGISTRY_CORRUPT'));
    expect(readFileSync(join(foreign, 'registry.db')).equals(bytes)).toBe(true);
  });

  it('refuses a damaged registry without changing it', () => {
    const home = fresh();
    ready(home).close();
    const db = new Database(join(home, 'registry.db'));
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    db.close();
    const path = join(home, 'registry.db');
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 100);
    writeFileSync(path, bytes);
    expect(() => Registry.open(home)).toThrow(code('TARA_REGISTRY_CORRUPT'));
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  it('refuses the schema of a newer version', () => {
    const home = fresh();
    Registry.open(home).close();
    const db = new Database(join(home, 'registry.db'));
    db.exec('PRAGMA user_version = 99');
    db.close();
    expect(() => Registry.open(home)).toThrow(expect.objectContaining({ code: 'TARA_REGISTRY_NEWER', fields: expect.objectContaining({ found: 99 }) as unknown }));
  });

  it('says so when the state folder cannot be made or is a file', () => {
    const home = join(fresh(), 'file');
    writeFileSync(home, '');
    for (const create of [true, false]) expect(() => Registry.open(home, { create })).toThrow(code('TARA_OPTION_INVALID'));
    const folder = fresh();
    mkdirSync(join(folder, 'registry.db'));
    expect(() => Registry.open(folder)).toThrow(code('TARA_FILE_UNREADABLE'));
  });

  it('rolls every change of a dry run back', () => {
    const home = fresh();
    ready(home).close();
    const dry = Registry.open(home, { dryRun: true });
    expect(dry.phases.create(2).number).toBe(2);
    expect(dry.phases.find(2)).toBeUndefined();
    expect(() => dry.phases.create(1)).toThrow(code('TARA_PHASE_EXISTS'));
    dry.close();
    using registry = Registry.open(home);
    expect(registry.phases.list().map((phase) => phase.number)).toEqual([1]);
  });
});

describe('phases and domains', () => {
  it('makes several changes all or nothing', () => {
    using registry = Registry.open(fresh());
    expect(() => registry.transaction(() => {
      registry.phases.create(1);
      registry.domains.add(1, { name: 'a', path: '/a' });
      registry.phases.create(1);
    })).toThrow(code('TARA_PHASE_EXISTS'));
    expect(registry.phases.list()).toEqual([]);
    expect(registry.events()).toEqual([]);
  });

  it('replaces the path of a known domain and keeps its status', () => {
    using registry = ready();
    const { domain, created } = registry.domains.add(1, { name: 'health', path: '/other', text: '/lines.txt' });
    expect([created, domain.status, domain.path, domain.text]).toEqual([false, 'complete', '/other', '/lines.txt']);
    expect(registry.domains.add(1, { name: 'health', path: '/third' }).domain.text).toBe('/lines.txt');
  });

  it('moves a phase to training with its first domain, and keeps quality and metrics that are not named', () => {
    using registry = Registry.open(fresh());
    registry.phases.create(1);
    registry.domains.add(1, { name: 'a', path: '/a' });
    expect(registry.phases.get(1).status).toBe('planning');
    registry.domains.update(1, 'a', { status: 'training', metrics: { loss: 2 } });
    expect(registry.phases.get(1).status).toBe('training');
    expect(registry.domains.update(1, 'a', { quality: 0.5 })).toMatchObject({ status: 'training', quality: 0.5, metrics: { loss: 2 } });
    expect(() => registry.domains.update(1, 'b', { quality: 1 })).toThrow(expect.objectContaining({ code: 'TARA_DOMAIN_NOT_FOUND', hint: expect.stringContaining('Known domains: a.') as string }));
    expect(() => registry.domains.update(2, 'a', {})).toThrow(code('TARA_PHASE_NOT_FOUND'));
  });

  it('finds the phase that a bare domain name means', () => {
    using registry = ready();
    expect(registry.domains.phaseOf('health')).toBe(1);
    registry.phases.create(2);
    registry.phases.create(3);
    registry.domains.add(2, { name: 'health', path: '/h' });
    expect(registry.domains.phaseOf('health')).toBe(2);
    registry.domains.update(2, 'health', { status: 'complete' });
    const build = registry.builds.start(2);
    registry.builds.finish(build.id, GOOD);
    registry.releases.record({ id: 'r', phase: 2, build: build.id, target: '/t', layout: 'plain' });
    expect(registry.domains.phaseOf('health')).toBe(1);
    expect(() => registry.domains.phaseOf('law')).toThrow(code('TARA_DOMAIN_NOT_FOUND'));
  });

  it('advances from a deployed phase only, saying what is missing', () => {
    using registry = ready();
    registry.domains.add(1, { name: 'law', path: '/l' });
    expect(() => registry.phases.advance()).toThrow(expect.objectContaining({
      code: 'TARA_PHASE_NOT_FINISHED',
      message: 'phase 1 is not finished: it is training; domain law (pending) not complete; no good build; not deployed', hint: 'Next: tara-gguf build-phase 1.',
    }));
    const build = registry.builds.start(1);
    registry.builds.finish(build.id, GOOD);
    expect(() => registry.phases.advance(1)).toThrow(expect.objectContaining({ hint: 'Next: tara-gguf deploy-phase 1.' }));
    registry.releases.record({ id: 'r1', phase: 1, build: build.id, target: '/t', layout: 'plain' });
    expect(registry.phases.advance()).toMatchObject({ from: { number: 1 }, to: { number: 2, status: 'planning', current: true }, created: true });
    expect(registry.phases.current()?.number).toBe(2);
    expect(registry.phases.advance(1)).toMatchObject({ created: false });
    expect(() => registry.phases.advance()).toThrow(code('TARA_PHASE_NOT_FINISHED'));
  });

  it('refuses text that SQLite would cut short', () => {
    using registry = ready();
    expect(() => registry.domains.add(1, { name: 'x', path: '/a\0b' })).toThrow(code('TARA_OPTION_INVALID'));
  });
});

describe('builds', () => {
  it('needs a complete domain and one build at a time', () => {
    using registry = ready();
    registry.phases.create(2);
    registry.domains.add(2, { name: 'law', path: '/l' });
    expect(() => registry.builds.start(2)).toThrow(expect.objectContaining({ code: 'TARA_PHASE_NO_DOMAIN', hint: expect.stringContaining('law (pending)') as string }));
    const build = registry.builds.start(1, { quantization: 'Q8_0' });
    expect(build).toMatchObject({ status: 'running', quantization: 'Q8_0', compressionType: 'standard', pid: process.pid });
    expect(existsSync(build.folder)).toBe(true);
    expect(() => registry.builds.start(1)).toThrow(code('TARA_PHASE_BUSY'));
    expect(() => registry.builds.cleanup(1)).toThrow(code('TARA_PHASE_BUSY'));
  });

  it('keeps the files of a layout, below builds/ relative to it', () => {
    const home = fresh();
    const registry = ready(home);
    const { id, folder } = registry.builds.start(1, { layout: 'adapters' });
    const files = [{ path: join(folder, 'base.gguf'), role: 'model', domain: null, bytes: 70 }, { path: join(folder, 'health.gguf'), role: 'adapter', domain: 'health', bytes: 30 }] as const;
    registry.builds.finish(id, { ...GOOD, output: files[0].path, files });
    registry.close();
    const moved = join(fresh(), 'elsewhere');
    renameSync(home, moved);
    using again = Registry.open(moved);
    const expected = files.map((file) => ({ ...file, path: join(moved, 'builds', 'phase-1', '1', file.role === 'model' ? 'base.gguf' : 'health.gguf') }));
    expect(again.builds.needGood(1)).toMatchObject({ layout: 'adapters', output: expected[0]?.path, files: expected, bytes: 100 });
  });

  it('keeps an output inside the state folder when the folder moves', () => {
    const home = fresh();
    const registry = ready(home);
    const build = registry.builds.start(1);
    registry.builds.finish(build.id, { ...GOOD, output: join(build.folder, 'm.gguf'), quality: { kld: 0.1 } });
    registry.close();
    const db = new Database(join(home, 'registry.db'));
    expect(db.prepare('SELECT output FROM builds').all()).toEqual([{ output: 'phase-1/1/m.gguf' }]);
    db.close();
    using again = Registry.open(home);
    expect(again.builds.needGood(1)).toMatchObject({ output: join(home, 'builds', 'phase-1', '1', 'm.gguf'), bytes: 100, quality: { kld: 0.1 } });
  });

  it('marks a failed build, removes its files and lets the next one begin', () => {
    using registry = ready();
    const build = registry.builds.start(1);
    writeFileSync(join(build.folder, 'half.gguf'), 'half');
    registry.builds.compressing(build.id);
    registry.builds.fail(build.id, 'no space\nleft');
    expect(existsSync(build.folder)).toBe(false);
    expect(registry.phases.get(1)).toMatchObject({ status: 'failed', reason: 'build 1 failed: no space left' });
    expect(() => registry.builds.finish(build.id, GOOD)).toThrow(code('TARA_BUILD_NOT_RUNNING'));
    expect(() => registry.builds.needGood(1)).toThrow(code('TARA_PHASE_NOT_BUILT'));
    expect(registry.builds.start(1).id).toBe(2);
  });

  it('repairs a build whose process died, and only that one', () => {
    const home = fresh();
    const registry = ready(home);
    registry.phases.create(2);
    registry.domains.add(2, { name: 'law', path: '/l' });
    registry.domains.update(2, 'law', { status: 'complete' });
    const dead = registry.builds.start(1);
    writeFileSync(join(dead.folder, 'half.gguf'), 'half');
    killBuilds(home);
    const alive = registry.builds.start(2);
    registry.close();
    using again = Registry.open(home);
    expect(again.repaired).toEqual([dead.id]);
    expect(existsSync(dead.folder)).toBe(false);
    expect(existsSync(alive.folder)).toBe(true);
    expect(again.phases.get(1)).toMatchObject({ status: 'failed', reason: expect.stringContaining('ended before the build did') as string });
    expect(again.phases.get(2).status).toBe('merging');
    expect(again.builds.start(1).id).toBe(3);
  });

  it('leaves a deployed phase deployed when its rebuild dies', () => {
    const home = fresh();
    const registry = ready(home);
    const first = registry.builds.start(1);
    registry.builds.finish(first.id, GOOD);
    registry.releases.record({ id: 'r1', phase: 1, build: first.id, target: '/t', layout: 'plain' });
    registry.builds.start(1);
    killBuilds(home);
    registry.close();
    using again = Registry.open(home);
    expect(again.phases.get(1)).toMatchObject({ status: 'deployed', reason: expect.stringContaining('build 2 failed') as string });
    expect(again.builds.lastGood(1)?.id).toBe(first.id);
  });

  it('never removes anything outside builds/, whatever a row says', () => {
    const home = fresh();
    const outside = fresh();
    writeFileSync(join(outside, 'precious'), 'x');
    mkdirSync(join(home, 'builds'), { recursive: true });
    symlinkSync(outside, join(home, 'builds', 'link'));
    writeFileSync(join(home, 'precious'), 'x');
    const registry = ready(home);
    const build = registry.builds.start(1);
    registry.close();
    const db = new Database(join(home, 'registry.db'));
    db.prepare('UPDATE builds SET files = ? WHERE id = ?').run(JSON.stringify(['../precious', join(outside, 'precious'), 'link/precious', '', '.', 'phase-1/../../precious']), build.id);
    db.close();
    killBuilds(home);
    using again = Registry.open(home);
    expect(again.repaired).toEqual([build.id]);
    expect([existsSync(join(outside, 'precious')), existsSync(join(home, 'precious')), existsSync(build.folder)]).toEqual([true, true, true]);
  });

  it('cleans up failed and superseded builds, keeps the last good one and those of current releases', () => {
    using registry = ready();
    const made = [1, 2, 3, 4].map((id) => {
      const build = registry.builds.start(1);
      expect(build.id).toBe(id);
      const output = join(build.folder, 'm.gguf');
      writeFileSync(output, 'model');
      registry.builds.finish(id, { ...GOOD, output });
      if (id === 2) registry.releases.record({ id: 'r2', phase: 1, build: 2, target: '/t', layout: 'plain' });
      return build;
    });
    const plan = registry.builds.planCleanup(1);
    expect(plan.builds).toEqual([1, 3]);
    expect(registry.builds.cleanup(1)).toEqual(plan);
    expect(made.map((build) => existsSync(build.folder))).toEqual([false, true, false, true]);
    expect(registry.builds.cleanup(1).builds).toEqual([]);
    expect(registry.builds.cleanup(1, true).builds).toEqual([2, 4]);
    expect(registry.builds.lastGood(1)).toBeUndefined();
    expect(registry.phases.get(1)).toMatchObject({ status: 'training', reason: 'its builds were cleaned up' });
    expect(registry.builds.list(1).map((build) => build.cleaned)).toEqual([true, true, true, true]);
  });
});

describe('releases', () => {
  it('keeps one current release in each target and remembers the previous one', () => {
    using registry = ready();
    for (const id of ['a', 'b', 'c']) {
      const build = registry.builds.start(1);
      registry.builds.finish(build.id, GOOD);
      registry.releases.record({ id, phase: 1, build: build.id, target: '/t', layout: 'plain', info: { n: id } });
    }
    registry.releases.record({ id: 'elsewhere', phase: 1, build: 3, target: '/u', layout: 'plain' });
    const statuses = () => registry.releases.list({ target: '/t' }).map(({ id, status }) => `${id} ${status}`);
    expect(statuses()).toEqual(['c current', 'b previous', 'a retired']);
    registry.releases.makeCurrent('b');
    expect(statuses()).toEqual(['c previous', 'b current', 'a retired']);
    expect(() => registry.releases.remove('b')).toThrow(code('TARA_TRANSITION_INVALID'));
    registry.releases.remove('a');
    expect(statuses()).toEqual(['c previous', 'b current']);
    expect(() => registry.releases.makeCurrent('a')).toThrow(code('TARA_RELEASE_NOT_FOUND'));
    expect(() => registry.releases.record({ id: 'b', phase: 1, build: 3, target: '/t', layout: 'plain' })).toThrow(code('TARA_FILE_EXISTS'));
  });

  it('records a deployment while the next build runs, and falls back to it', () => {
    using registry = ready();
    const first = registry.builds.start(1);
    registry.builds.finish(first.id, GOOD);
    const second = registry.builds.start(1);
    registry.releases.record({ id: 'a', phase: 1, build: first.id, target: '/t', layout: 'plain' });
    expect(registry.phases.get(1).status).toBe('merging');
    registry.builds.fail(second.id, 'stopped');
    expect(registry.phases.get(1).status).toBe('deployed');
  });
});
