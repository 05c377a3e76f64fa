import { describe, expect, it } from 'vitest';
import { createCapability, createToken } from '../../src/kernel/tokens.js';
import type { PluginContext } from '../../src/kernel/plugin.js';
import { bench, never, plugin, started, thrownBy } from './helpers.js';

/** A plugin that writes its steps down. */
const noted = (name: string, steps: string[], fields: Parameters<typeof plugin>[1] = {}) =>
  plugin(name, {
    register: () => void steps.push(`register ${name}`),
    start: () => void steps.push(`start ${name}`),
    stop: () => void steps.push(`stop ${name}`),
    ...fields,
  });

describe('order', () => {
  it('registers all, starts all in order of need, stops in reverse', async () => {
    const steps: string[] = [];
    const { host, states } = bench([noted('app', steps, { requires: ['store'], optional: ['cache'] }), noted('cache', steps), noted('store', steps)]);
    expect(states()).toEqual(['app: loaded', 'cache: loaded', 'store: loaded']);
    await host.start();
    await host.stop();
    expect(steps).toEqual(['register cache', 'register store', 'register app', 'start cache', 'start store', 'start app', 'stop app', 'stop store', 'stop cache']);
    expect(states()).toEqual(['app: stopped', 'cache: stopped', 'store: stopped']);
  });

  it('runs each step once, however often it is asked', async () => {
    const steps: string[] = [];
    const { host } = bench([noted('one', steps)]);
    await Promise.all([host.start(), host.start()]);
    await Promise.all([host.stop(), host.stop(), host[Symbol.asyncDispose]()]);
    expect(steps).toEqual(['register one', 'start one', 'stop one']);
    await thrownBy('TARA_DISPOSED', () => host.start());
  });

  it('stops what is starting only after it has started', async () => {
    const steps: string[] = [];
    const { host } = bench([noted('one', steps)]);
    const starting = host.start();
    await host.stop();
    await starting;
    expect(steps).toEqual(['register one', 'start one', 'stop one']);
  });

  it('stops a host that never started without a word to its plugins', async () => {
    const steps: string[] = [];
    const { host } = bench([noted('one', steps)]);
    await host.stop();
    expect(steps).toEqual([]);
  });

  it('calls steps on the author\'s own object', async () => {
    const seen: string[] = [];
    const author = { ...plugin('author'), start(this: { name: string }) { seen.push(this.name); } };
    await started([author]);
    expect(seen).toEqual(['author']);
  });
});

describe('crashes', () => {
  const failures: [string, () => unknown][] = [
    ['throws', () => { throw new Error('boom\nsecond line'); }],
    ['rejects', () => Promise.reject(new Error('boom'))],
    ['throws a text', () => { throw 'boom'; }],
    ['throws an object without a text form', () => { throw Object.create(null) as Error; }],
  ];
  for (const [way, crash] of failures) {
    it.each([['register', 'TARA_PLUGIN_REGISTER_FAILED'], ['start', 'TARA_PLUGIN_START_FAILED']])(`keeps one that ${way} in %s away from the rest`, async (step, code) => {
      const steps: string[] = [];
      const { host, states, logs } = await started([noted('bad', steps, { [step]: crash }), noted('needs-bad', steps, { requires: ['bad'] }), noted('likes-bad', steps, { optional: ['bad'] }), noted('good', steps)]);
      expect(states()).toEqual([`bad: failed ${code}`, 'needs-bad: failed TARA_PLUGIN_DEPENDENCY_FAILED', 'likes-bad: started', 'good: started']);
      expect(host.plugins()[0]?.error?.message).toMatch(new RegExp(`^plugin bad failed to ${step}: [^\\n]+$`));
      expect(logs.filter((record) => record.level === 'error').map((record) => record.fields.plugin)).toEqual(['bad', 'needs-bad']);
      await host.stop();
      expect(steps.filter((line) => line.startsWith('stop'))).toEqual(['stop good', 'stop likes-bad']);
    });

    it(`stops the others when one ${way} in stop`, async () => {
      const steps: string[] = [];
      const { host, states } = await started([noted('first', steps), noted('bad', steps, { stop: crash as () => void }), noted('last', steps)]);
      await host.stop();
      expect(steps.slice(-2)).toEqual(['stop last', 'stop first']);
      expect(states()).toEqual(['first: stopped', 'bad: failed TARA_PLUGIN_STOP_FAILED', 'last: stopped']);
    });
  }

  it('tells the bus, the plugin\'s own signal, and takes its handlers out', async () => {
    let signal: AbortSignal | undefined;
    const heard: unknown[] = [];
    const { host } = bench([
      plugin('bad', {
        register: (context) => {
          ({ signal } = context);
          context.hook('chat:reply', (reply) => ({ ...reply, text: 'from a failed plugin' }));
          context.events.on('plugin:failed', () => void heard.push('the failed plugin itself'));
        },
        start: () => Promise.reject(new Error('boom')),
      }),
    ]);
    host.events.on('plugin:failed', (event) => void heard.push(event));
    await host.start();
    expect(signal?.aborted).toBe(true);
    expect(heard).toEqual([{ plugin: 'bad', code: 'TARA_PLUGIN_START_FAILED', message: 'plugin bad failed to start: boom' }]);
    expect((await host.hooks.waterfall('chat:reply', { text: 'kept', domain: 'd', userId: null, question: '' })).text).toBe('kept');
  });

  it('stays silent and alive when the log sink throws', async () => {
    const { createHost } = await import('../../src/kernel/index.js');
    const host = createHost({ plugins: [{ source: 't', value: plugin('bad', { start: failures[0]?.[1] as () => void }) }], log: () => { throw new Error('disk full'); } });
    await host.start();
    expect(host.plugins()[0]?.state).toBe('failed');
  });
});

describe('time limits', () => {
  const timeouts = { register: 5, start: 5, stop: 5 };

  it.each([['register'], ['start']])('gives up a %s that never ends', async (step) => {
    const { states, host } = await started([plugin('slow', { [step]: never }), plugin('good')], { timeouts });
    expect(states()).toEqual(['slow: failed TARA_PLUGIN_START_TIMEOUT', 'good: started']);
    expect(host.plugins()[0]?.error).toMatchObject({ message: `plugin slow did not ${step} within 5 ms`, fields: { step, ms: 5 } });
  });

  it('gives up a stop that never ends, and stops the rest', async () => {
    const steps: string[] = [];
    const { states, host } = await started([noted('good', steps), plugin('slow', { stop: never })], { timeouts });
    await host.stop();
    expect(states()).toEqual(['good: stopped', 'slow: failed TARA_PLUGIN_STOP_TIMEOUT']);
    expect(steps.at(-1)).toBe('stop good');
  });

  it('ignores what a plugin throws after its time', async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => void unhandled.push(reason);
    process.on('unhandledRejection', listen);
    let reject: (error: Error) => void = () => {};
    await started([plugin('late', { start: () => new Promise((_, fail) => { reject = fail; }) })], { timeouts });
    reject(new Error('too late'));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', listen);
    expect(unhandled).toEqual([]);
  });
});

describe('services', () => {
  const numbers = createToken<{ next(): number }>('maths.numbers');
  const makesNumbers = (count: { made: number }) =>
    plugin('maths', {
      register: ({ provide }) => provide(numbers, () => {
        count.made += 1;
        let last = 0;
        return { next: () => (last += 1) };
      }),
    });

  it('makes one instance at first use, seen by the plugin, by those that require it and by the core', async () => {
    const count = { made: 0 };
    const seen: number[] = [];
    const { host } = await started([makesNumbers(count), plugin('user', { requires: ['maths'], start: ({ use }) => void seen.push(use(numbers).next()) })]);
    expect([...seen, host.use(numbers).next(), host.find(numbers)?.next()]).toEqual([1, 2, 3]);
    expect(count.made).toBe(1);
  });

  it('hides it from plugins that do not require it', async () => {
    const { states, host } = await started([makesNumbers({ made: 0 }), plugin('stranger', { start: ({ use, find }) => { if (find(numbers) === undefined) use(numbers); } })]);
    expect(states()).toEqual(['maths: started', 'stranger: failed TARA_PLUGIN_START_FAILED']);
    expect(host.plugins()[1]?.error?.cause).toMatchObject({ code: 'TARA_SERVICE_UNKNOWN', fields: { user: 'plugin stranger', token: 'maths.numbers' } });
  });

  it('says which capability nobody provides, also after its provider stopped', async () => {
    const moods = createCapability<string>('moods');
    const { host } = await started([plugin('engine', { provides: ['moods'], register: ({ provide }) => provide(moods, () => 'fine') })]);
    expect(host.use(moods)).toBe('fine');
    await host.stop();
    expect(host.find(moods)).toBeUndefined();
    await thrownBy('TARA_CAPABILITY_MISSING', () => host.use(moods));
  });

  it('takes the core\'s own where the provider failed', async () => {
    const { service } = await import('../../src/kernel/index.js');
    const moods = createCapability<string>('moods');
    const engine = plugin('engine', { provides: ['moods'], register: ({ provide }) => provide(moods, () => 'plugin'), start: () => Promise.reject(new Error('boom')) });
    const { host } = await started([engine], { services: [service(moods, () => 'core')] });
    expect(host.use(moods)).toBe('core');
  });

  it('holds plugins to what they declare', async () => {
    const moods = createCapability<string>('moods');
    const { host } = await started([
      plugin('forgets', { provides: ['moods'] }),
      plugin('smuggles', { register: ({ provide }) => provide(createCapability('others'), () => 1) }),
      plugin('repeats', { register: ({ provide }) => { provide(numbers, () => ({ next: () => 1 })); provide(numbers, () => ({ next: () => 2 })); } }),
      plugin('mishooks', { register: ({ hook }) => hook('chat:nothing' as 'chat:reply', () => undefined) }),
    ]);
    expect(host.plugins().map(({ error }) => error?.code)).toEqual(['TARA_PLUGIN_PROVIDES', 'TARA_PLUGIN_PROVIDES', 'TARA_PLUGIN_REGISTER_FAILED', 'TARA_PLUGIN_HOOK_UNKNOWN']);
    expect(host.plugins()[2]?.error?.cause).toMatchObject({ code: 'TARA_SERVICE_TWICE' });
    await thrownBy('TARA_CAPABILITY_MISSING', () => host.use(moods));
  });

  it('refuses provide and hook outside register', async () => {
    let context: PluginContext | undefined;
    await started([plugin('late', { register: (given) => { context = given as PluginContext; } })]);
    expect((await thrownBy('TARA_PLUGIN_LATE', () => context?.provide(numbers, () => ({ next: () => 1 })))).fields).toMatchObject({ plugin: 'late', call: 'provide' });
    expect((await thrownBy('TARA_PLUGIN_LATE', () => context?.hook('chat:reply', () => undefined))).fields.call).toBe('hook');
  });

  it('names services that need each other, and factories that throw', async () => {
    const [a, b, c] = ['ring.a', 'ring.b', 'ring.c'].map((name) => createToken<number>(name)) as [ReturnType<typeof createToken<number>>, ReturnType<typeof createToken<number>>, ReturnType<typeof createToken<number>>];
    const { host } = await started([
      plugin('ring', { register: ({ provide, use }) => { provide(a, () => use(b)); provide(b, () => use(a)); provide(c, () => { throw new Error('no disk'); }); } }),
    ]);
    expect((await thrownBy('TARA_SERVICE_CYCLE', () => host.use(a))).fields.cycle).toBe('ring.a -> ring.b -> ring.a');
    expect((await thrownBy('TARA_SERVICE_FAILED', () => host.use(c))).message).toBe('the service ring.c of plugin ring cannot be made: no disk');
    // The failed attempt leaves nothing behind: the next one fails for the same reason.
    expect((await thrownBy('TARA_SERVICE_CYCLE', () => host.use(b))).fields.cycle).toBe('ring.b -> ring.a -> ring.b');
  });

  it('refuses names that are none', () => thrownBy('TARA_SERVICE_NAME', () => createToken('Not a name')));

  it('keeps hosts apart', async () => {
    const count = { made: 0 };
    const [one, two] = [await started([makesNumbers(count)]), await started([makesNumbers(count)])];
    expect([one.host.use(numbers).next(), two.host.use(numbers).next()]).toEqual([1, 1]);
  });
});

describe('commands', () => {
  const module = { describe: () => {}, run: () => Promise.resolve({ json: 1, text: 'one' }) };
  const withCommand = (load: () => Promise<unknown>, fields: Parameters<typeof plugin>[1] = {}) =>
    plugin('cmd', { ...fields, commands: [{ name: 'go', description: 'goes', load: load as () => Promise<{ default: typeof module }> }] });

  it('loads nothing until the command is asked for, and starts the plugins when it opens', async () => {
    const loads: string[] = [];
    const { host, states } = bench([withCommand(async () => { loads.push('go'); return { default: module }; })]);
    const [command] = host.commands();
    expect([command?.name, command?.description, loads, states()]).toEqual(['go', 'goes', [], ['cmd: loaded']]);
    expect(await command?.load()).toBe(module);
    expect(states()).toEqual(['cmd: loaded']);
    await command?.open();
    expect(states()).toEqual(['cmd: started']);
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('cannot find module'))],
    ['has no default', () => Promise.resolve({})],
    ['is no command', () => Promise.resolve({ default: { run: () => 1 } })],
  ])('names a module that %s', async (_, load) => {
    const [command] = bench([withCommand(load)]).host.commands();
    expect((await thrownBy('TARA_PLUGIN_COMMAND_LOAD', () => command?.load())).fields).toMatchObject({ plugin: 'cmd', command: 'go' });
  });

  it('throws the plugin\'s own error when it did not start', async () => {
    const { host } = bench([withCommand(() => Promise.resolve({ default: module }), { start: () => Promise.reject(new Error('boom')) })]);
    const [command] = host.commands();
    await thrownBy('TARA_PLUGIN_START_FAILED', () => command?.open());
    expect(host.commands()).toEqual([]);
  });
});
