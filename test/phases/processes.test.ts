/** What only several processes can show: kill -9 at the worst moment, and writers that meet. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Registry } from '../../src/phases/registry/registry.js';
import { compileSources } from '../cli/compiled.js';
import { temporary } from './temporary.js';

const fresh = temporary();
let compiled = '';
beforeAll(() => {
  compiled = compileSources();
});
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

/** Starts a process that runs `body` with Registry, home, say (a line to us) and sleep (for ever) at hand. */
function start(home: string, body: string): { child: ChildProcess; line(): Promise<string>; kill(): Promise<void> } {
  const script = join(compiled, `child-${Math.random().toString(36).slice(2)}.mjs`);
  writeFileSync(script, `
    import { writeSync, readSync, writeFileSync } from 'node:fs';
    import { join } from 'node:path';
    import { Registry } from './dist/src/phases/registry/registry.js';
    const home = process.argv[2];
    const say = (text) => writeSync(1, text + '\\n');
    const hear = () => readSync(0, Buffer.alloc(16));
    const sleep = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    ${body}`);
  const child = spawn(process.execPath, [script, home], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    line: async () => String((await lines.next()).value),
    kill: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

describe('kill -9', () => {
  it('in the middle of a transaction leaves nothing of it, and no lock', async () => {
    const home = fresh();
    const child = start(home, `
      const registry = Registry.open(home);
      registry.phases.create(1);
      registry.transaction(() => {
        registry.phases.create(2);
        registry.domains.add(2, { name: 'half', path: '/half' });
        say('inside');
        sleep();
      });`);
    expect(await child.line()).toBe('inside');
    using waiting = Registry.open(home, { busyMs: 30 });
    expect(() => waiting.phases.create(9)).toThrow(expect.objectContaining({ code: 'TARA_REGISTRY_BUSY' }));
    await child.kill();
    using registry = Registry.open(home);
    expect(registry.phases.list().map((phase) => phase.number)).toEqual([1]);
    expect(registry.events().map((event) => event.kind)).toEqual(['phase.created']);
    expect(registry.phases.create(2).number).toBe(2);
  });

  it('during a build is seen and repaired by the next opening, not before', async () => {
    const home = fresh();
    const child = start(home, `
      const registry = Registry.open(home);
      registry.phases.create(1);
      registry.domains.add(1, { name: 'a', path: '/a' });
      registry.domains.update(1, 'a', { status: 'complete' });
      const build = registry.builds.start(1);
      writeFileSync(join(build.folder, 'half.gguf'), 'half');
      registry.builds.compressing(build.id);
      say(build.folder);
      sleep();`);
    const folder = await child.line();
    const watching = Registry.open(home);
    expect(watching.repaired).toEqual([]);
    expect(watching.phases.get(1).status).toBe('compressing');
    expect(() => watching.builds.start(1)).toThrow(expect.objectContaining({ code: 'TARA_PHASE_BUSY', message: `phase 1 is being built by process ${child.child.pid}` }));
    watching.close();
    await child.kill();
    using registry = Registry.open(home);
    expect(registry.repaired).toEqual([1]);
    expect(existsSync(folder)).toBe(false);
    expect(registry.phases.get(1).status).toBe('failed');
    expect(registry.builds.start(1).status).toBe('running');
  });
});

describe('several processes', () => {
  it('make the file at once and write at once without losing anything', async () => {
    const home = fresh();
    const writers = [0, 1, 2, 3].map((offset) => start(home, `
      say('ready');
      hear();
      const registry = Registry.open(home, { busyMs: 60000 });
      for (let n = ${offset + 1}; n <= 100; n += 4) {
        registry.phases.create(n);
        registry.domains.add(n, { name: 'd', path: '/d' });
      }
      registry.close();
      say('done');`));
    for (const writer of writers) expect(await writer.line()).toBe('ready');
    for (const writer of writers) writer.child.stdin?.write('go\n');
    for (const writer of writers) expect(await writer.line()).toBe('done');
    using registry = Registry.open(home);
    expect(registry.phases.list().map((phase) => phase.number)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(registry.phases.list().filter((phase) => phase.current).length).toBe(1);
    expect(registry.events().length).toBe(200);
  });

  it('let one of two begin a build', async () => {
    const home = fresh();
    const registry = Registry.open(home);
    registry.phases.create(1);
    registry.domains.add(1, { name: 'a', path: '/a' });
    registry.domains.update(1, 'a', { status: 'complete' });
    registry.close();
    const builders = [0, 1].map(() => start(home, `
      const registry = Registry.open(home);
      say('ready');
      hear();
      try { registry.builds.start(1); say('started'); } catch (error) { say(error.code); }
      sleep();`));
    for (const builder of builders) expect(await builder.line()).toBe('ready');
    for (const builder of builders) builder.child.stdin?.write('go\n');
    const answers = await Promise.all(builders.map((builder) => builder.line()));
    expect(answers.sort()).toEqual(['TARA_PHASE_BUSY', 'started']);
    for (const builder of builders) await builder.kill();
  });
});
