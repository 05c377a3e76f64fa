import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Engine, Model } from '../../src/engine/index.js';
import { TaraError } from '../../src/errors.js';
import { createBalancer, createModelStore, replicasOf, type Replica } from '../../src/models/index.js';

const folder = mkdtempSync(join(tmpdir(), 'tara-store-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A sparse file of so many bytes; nothing reads it. */
function fileOf(name: string, bytes: number): string {
  const path = join(folder, name);
  writeFileSync(path, '');
  truncateSync(path, bytes);
  return path;
}

interface Faults {
  /** Whether the next load of the path fails. */
  readonly fails?: (path: string) => boolean;
  /** Turns of the event loop that a load takes. */
  readonly turns?: () => number;
}

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

/** An engine whose models are counted, and that knows how much was loaded at most. */
function fakeEngine(sizes: ReadonlyMap<string, number>, { fails = () => false, turns = () => 1 }: Faults = {}) {
  const state = { loaded: 0, most: 0, loads: 0, inUse: new Map<Model, number>(), disposedInUse: 0 };
  const load = async (path: string): Promise<Model> => {
    const bytes = sizes.get(path) ?? 0;
    state.loaded += bytes;
    state.most = Math.max(state.most, state.loaded);
    state.loads += 1;
    for (let left = turns(); left > 0; left -= 1) await turn();
    if (fails(path)) {
      state.loaded -= bytes;
      throw new TaraError('TARA_MODEL_LOAD', { path, reason: 'made to fail' });
    }
    const model = {
      async dispose() {
        if ((state.inUse.get(model) ?? 0) > 0) state.disposedInUse += 1;
        await turn();
        state.loaded -= bytes;
      },
    } as unknown as Model;
    return model;
  };
  return { engine: { load } as unknown as Engine, state };
}

const paths = ['a', 'b', 'c', 'd'].map((name) => fileOf(`${name}.gguf`, 100));
const sizes = new Map(paths.map((path) => [path, 100]));
const [a = '', b = '', c = ''] = paths;

describe('a memory budget', () => {
  it('is never exceeded: what is idle leaves, what is in use or loading stays', async () => {
    const { engine, state } = fakeEngine(sizes);
    const store = createModelStore(engine, { budgetBytes: 200, idleBytes: 1000 });
    const first = await store.acquire(a);
    (await store.acquire(b)).release();
    const third = await store.acquire(c);
    expect(state.most).toBe(200);
    expect(third.model).not.toBe(first.model);
    expect((await store.acquire(a)).model).toBe(first.model);
    await store.close();
  });

  it('lets those who wait in, in the order they came', async () => {
    const { engine } = fakeEngine(sizes);
    const store = createModelStore(engine, { budgetBytes: 100 });
    const order: string[] = [];
    const first = await store.acquire(a);
    const later = [b, c, a].map(async (path) => {
      const lease = await store.acquire(path);
      order.push(path);
      lease.release();
    });
    await turn();
    first.release();
    await Promise.all(later);
    expect(order.filter((path) => path !== a)).toEqual([b, c]);
    expect(order).toHaveLength(3);
    await store.close();
  });

  it('ends a wait at its deadline, by its signal, and at the close', async () => {
    const { engine } = fakeEngine(sizes);
    const store = createModelStore(engine, { budgetBytes: 100, waitMs: 20 });
    const held = await store.acquire(a);
    await expect(store.acquire(b)).rejects.toMatchObject({ code: 'TARA_MEMORY_BUSY' });
    const controller = new AbortController();
    const aborted = store.acquire(b, { signal: controller.signal });
    await turn();
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'TARA_ABORTED' });
    const closed = store.acquire(b);
    const refused = expect(closed).rejects.toMatchObject({ code: 'TARA_DISPOSED' });
    await turn();
    await store.close();
    await refused;
    held.release();
  });

  it('is shared fairly: a model in constant use leaves for one that waited long', async () => {
    const { engine } = fakeEngine(sizes);
    const store = createModelStore(engine, { budgetBytes: 100, waitMs: 2000 });
    let served = false;
    // Two users of one model whose leases always overlap.
    const busy = [0, 1].map(async () => {
      while (!served) {
        const lease = await store.acquire(a);
        for (let left = 3; left > 0 && !served; left -= 1) await turn();
        lease.release();
      }
    });
    await turn();
    (await store.acquire(b)).release();
    served = true;
    await Promise.all(busy);
    await store.close();
  });

  it('refuses at once what never fits', async () => {
    const { engine, state } = fakeEngine(sizes);
    const store = createModelStore(engine, { budgetBytes: 99 });
    await expect(store.acquire(a)).rejects.toMatchObject({ code: 'TARA_MODEL_TOO_LARGE' });
    expect(state.loads).toBe(0);
  });
});

describe('a lease', () => {
  it('is on the file as it is now', async () => {
    const { engine, state } = fakeEngine(sizes);
    const store = createModelStore(engine);
    const path = fileOf('replaced.gguf', 10);
    const first = await store.acquire(path);
    expect((await store.acquire(path)).identity).toBe(first.identity);
    expect((await store.acquire(path, { contextSize: 64 })).identity).not.toBe(first.identity);
    truncateSync(path, 20);
    const second = await store.acquire(path);
    expect(second.identity).not.toBe(first.identity);
    expect(second.model).not.toBe(first.model);
    expect(state.loads).toBe(3);
    await store.close();
  });

  it('of another replica is on another load of the same model', async () => {
    const { engine, state } = fakeEngine(sizes);
    const store = createModelStore(engine);
    const balancer = createBalancer({ random: () => 0 });
    const two = replicasOf(store, a, 2);
    const [first, second] = [await balancer.acquire(two), await balancer.acquire(two)];
    expect(new Set([first.replica, second.replica])).toEqual(new Set([`${a}#0`, `${a}#1`]));
    expect(first.identity).toBe(second.identity);
    expect(first.model).not.toBe(second.model);
    expect(state.loads).toBe(2);
    first.release();
    second.release();
    await store.close();
  });
});

/** A few hundred turns of a fixed generator: the same faults in each run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
}

describe('thousands of requests at once, while models fail, are slow, load and leave', () => {
  it.each([1, 2, 3])('lose none and never stand still (seed %i)', async (seed) => {
    const random = generator(seed);
    const [last = '', ...others] = paths;
    const { engine, state } = fakeEngine(sizes, { fails: (path) => path !== last && random() < 0.2, turns: () => Math.floor(random() * 4) });
    const store = createModelStore(engine, { budgetBytes: 200, idleBytes: 100 });
    const [lastResort] = replicasOf(store, last, 1);
    const balancer = createBalancer({ random, failures: 3, windowMs: 50, restMs: 5, ...(lastResort && { lastResort }) });
    const wait = async (most: number) => { for (let left = Math.floor(random() * most); left > 0; left -= 1) await turn(); };
    const use = async (model: Model, by: number) => {
      state.inUse.set(model, (state.inUse.get(model) ?? 0) + 1);
      await wait(3);
      state.inUse.set(model, (state.inUse.get(model) ?? 0) - 1);
      if (by !== 0 && random() < 0.05) throw new TaraError('TARA_INTERNAL', { reason: 'made to fail' });
    };
    const requests = 3000;
    const outcomes = await Promise.all(
      Array.from({ length: requests }, async (_, i) => {
        await wait(20);
        const controller = new AbortController();
        if (i % 50 === 0) controller.abort();
        const mine = others.filter((_path, j) => (i + j) % 3 !== 0).flatMap((path) => replicasOf(store, path, 1));
        try {
          // Half of them hold a lease, as who streams an answer does.
          if (i % 2 === 0) return await balancer.run(mine, async ({ model }, replica) => (await use(model, replica === lastResort?.id ? 0 : 1), 'answered' as const), controller.signal);
          using lease = await balancer.acquire(mine, controller.signal);
          await use(lease.model, 0);
          return 'answered';
        } catch (error) {
          return (error as TaraError).code;
        }
      }),
    );
    // The last resort never fails: whoever was not aborted has an answer.
    expect(outcomes.filter((outcome) => outcome === 'TARA_ABORTED')).toHaveLength(requests / 50);
    expect(outcomes.filter((outcome) => outcome === 'answered')).toHaveLength(requests - requests / 50);
    expect(state.most).toBeLessThanOrEqual(200);
    expect(state.disposedInUse).toBe(0);
    expect(balancer.states().map(({ active }) => active)).toEqual([0, 0, 0, 0]);
    expect(balancer.states().reduce((sum, { failed }) => sum + failed, 0)).toBeGreaterThan(0);
    await store.close();
    expect(state.loaded).toBe(0);
  });

  it('end with an error each where every model fails', async () => {
    const { engine, state } = fakeEngine(sizes, { fails: () => true });
    const store = createModelStore(engine, { budgetBytes: 200 });
    const balancer = createBalancer({ restMs: 1 });
    const all = paths.flatMap((path) => replicasOf(store, path, 1));
    const outcomes = await Promise.all(Array.from({ length: 1000 }, () => balancer.acquire(all).catch((error: unknown) => (error as TaraError).code)));
    expect(new Set(outcomes)).toEqual(new Set(['TARA_MODEL_LOAD']));
    expect([state.loaded, ...balancer.states().map(({ active }) => active)]).toEqual([0, 0, 0, 0, 0]);
    await store.close();
  });
});

describe('replicas', () => {
  const lease = { model: {} as Model, identity: 'x', release() {}, [Symbol.dispose]() {} };
  const good = (id: string): Replica => ({ id, acquire: () => Promise.resolve(lease) });
  const bad = (id: string): Replica => ({ id, acquire: () => Promise.reject(new TaraError('TARA_MODEL_LOAD', { path: id, reason: 'no' })) });
  const name = (_: unknown, id: string) => Promise.resolve(id);

  it('of two at random the less loaded one is asked', async () => {
    const balancer = createBalancer({ random: () => 0 });
    const release: (() => void)[] = [];
    const asked: string[] = [];
    const all = [1, 2, 3, 4].map(() => balancer.run([good('x'), good('y')], (_, id) => {
      asked.push(id);
      return new Promise<void>((resolve) => release.push(resolve));
    }));
    await turn();
    expect(asked.sort()).toEqual(['x', 'x', 'y', 'y']);
    for (const end of release) end();
    await Promise.all(all);
  });

  it('that failed three times rests, and is asked again afterwards', async () => {
    let time = 0;
    let asked = 0;
    const flaky: Replica = { id: 'flaky', acquire: () => (asked += 1, Promise.reject(new TaraError('TARA_MODEL_LOAD', { path: 'flaky', reason: 'no' }))) };
    const balancer = createBalancer({ now: () => time, random: () => 0, failures: 3, windowMs: 1000, restMs: 500 });
    for (let i = 0; i < 10; i += 1) expect(await balancer.run([flaky, good('y')], name)).toBe('y');
    expect(asked).toBe(3);
    expect(balancer.states().find(({ id }) => id === 'flaky')).toMatchObject({ failed: 3, resting: true });
    time = 501;
    await balancer.run([flaky, good('y')], name);
    expect(asked).toBe(4);
  });

  it('that all fail leave the last resort, and without one the error', async () => {
    expect(await createBalancer({ lastResort: good('last') }).run([bad('x'), bad('y')], name)).toBe('last');
    await expect(createBalancer().run([bad('x'), bad('y')], name)).rejects.toMatchObject({ code: 'TARA_MODEL_LOAD' });
    await expect(createBalancer().run([], name)).rejects.toMatchObject({ code: 'TARA_NO_REPLICA' });
    const resting = createBalancer({ failures: 1 });
    await expect(resting.run([bad('x')], name)).rejects.toMatchObject({ code: 'TARA_MODEL_LOAD' });
    await expect(resting.run([bad('x')], name)).rejects.toMatchObject({ code: 'TARA_MODEL_LOAD' });
  });

  it('whose lease turns out to fail rest too; an error of the request is nobody\'s fault', async () => {
    const balancer = createBalancer({ failures: 1 });
    const lease = await balancer.acquire([good('x')]);
    lease.failed(new TaraError('TARA_ABORTED'));
    lease.release();
    lease.release();
    expect(balancer.states()).toEqual([{ id: 'x', active: 0, answered: 0, failed: 0, resting: false }]);
    const second = await balancer.acquire([good('x')]);
    second.failed(new Error('decoding failed'));
    second.failed(new Error('once more'));
    second.release();
    expect(balancer.states()).toEqual([{ id: 'x', active: 0, answered: 0, failed: 1, resting: true }]);
    expect((await balancer.acquire([good('x'), good('y')])).replica).toBe('y');
  });

  it('are not blamed for what is wrong with the request', async () => {
    const balancer = createBalancer();
    const full = () => Promise.reject(new TaraError('TARA_CONTEXT_FULL', { tokens: 9, limit: 8 }));
    await expect(balancer.run([good('x'), good('y')], full)).rejects.toMatchObject({ code: 'TARA_CONTEXT_FULL' });
    expect(balancer.states().every(({ failed }) => failed === 0)).toBe(true);
  });
});
