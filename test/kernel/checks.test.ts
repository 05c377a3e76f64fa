import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createCapability } from '../../src/kernel/tokens.js';
import { service } from '../../src/kernel/index.js';
import { KERNEL_VERSION } from '../../src/kernel/version.js';
import { bench, plugin, started } from './helpers.js';
import manifest from '../../package.json' with { type: 'json' };

const noop = () => Promise.resolve({ default: { describe: () => {}, run: () => Promise.resolve({ json: null, text: '' }) } });

/** The error of the plugin called `name`. */
function errorOf(values: readonly unknown[], name: string, options: Parameters<typeof bench>[1] = {}) {
  const error = bench(values, options).host.plugins().find((status) => status.name === name)?.error;
  if (error == null) throw new Error(`${name} has no error`);
  return error;
}

describe('shape', () => {
  const good = plugin('good');
  const hostile = new Proxy({}, { ownKeys: () => { throw new Error('no keys for you'); }, get: () => { throw new Error('no'); } });
  it.each([
    ['null', null, 'an object is expected, not null'],
    ['a text', 'plugin', 'an object is expected, not string'],
    ['an array', [], 'an object is expected, not an array'],
    ['a hostile proxy', hostile, 'no keys for you'],
    ['no name', { ...good, name: undefined }, 'name:'],
    ['a bad name', { ...good, name: 'Not A Name' }, 'name: must be lower case'],
    ['a bad version', { ...good, version: 'one' }, 'version: must be a semver version'],
    ['a bad range', { ...good, kernel: 'newest' }, 'kernel: must be a semver range'],
    ['a misspelt field', { ...good, provide: ['router'] }, 'provide'],
    ['a start that is no function', { ...good, start: 1 }, 'start: must be a function'],
    ['a config that is no schema', { ...good, config: {} }, 'config: must be a zod schema'],
    ['a hook that is no function', { ...good, hooks: { 'chat:reply': 'x' } }, 'hooks.chat:reply: must be'],
    ['an unknown order', { ...good, hooks: { 'chat:reply': { handler: () => undefined, order: 'last' } } }, 'hooks.chat:reply'],
    ['a bad dependency', { ...good, requires: ['other@newest'] }, 'requires.0: must be a name, or name@range'],
    ['a bad command', { ...good, commands: [{ name: 'x', description: '', load: noop }] }, 'commands.0.description'],
    ['a hook point of another name', { ...good, hookPoints: { 'other:check': 'parallel' } }, 'must start with good:'],
  ])('refuses %s', (_, value, reason) => {
    const [status] = bench([value]).host.plugins();
    expect(status).toMatchObject({ state: 'failed', error: { code: 'TARA_PLUGIN_SHAPE' } });
    expect(status?.error?.message).toContain(reason);
    expect(status?.error?.message).not.toContain('\n');
  });

  it('names the source of a value without a name, the plugin otherwise', () => {
    expect(bench([7]).host.plugins()[0]).toMatchObject({ name: 'test 0', version: null, error: { fields: { plugin: 'test 0' } } });
    expect(bench([{ ...good, version: 'x' }]).host.plugins()[0]).toMatchObject({ name: 'good', error: { fields: { plugin: 'good' } } });
  });
});

describe('versions', () => {
  it('is the version of the package', () => expect(KERNEL_VERSION).toBe(manifest.version));

  it('refuses another API, whatever else has changed in it', () => {
    const error = errorOf([{ ...plugin('next'), apiVersion: 2, novelty: true }], 'next');
    expect(error).toMatchObject({ code: 'TARA_PLUGIN_API_VERSION', fields: { plugin: 'next', actual: 2, expected: 1 } });
  });

  it('refuses a plugin for another kernel', () => {
    expect(errorOf([plugin('old', { kernel: '>=99' })], 'old')).toMatchObject({ code: 'TARA_PLUGIN_KERNEL_RANGE', fields: { range: '>=99', kernel: KERNEL_VERSION } });
    expect(bench([plugin('fits', { kernel: `^${KERNEL_VERSION}` })]).states()).toEqual(['fits: loaded']);
  });
});

describe('duplicates', () => {
  it('keeps the first of a name', () => {
    const first = plugin('twin', { version: '1.0.0' });
    expect(bench([first, plugin('twin', { version: '2.0.0' }), first]).host.plugins()).toMatchObject([
      { version: '1.0.0', state: 'loaded', error: null },
      { version: '2.0.0', state: 'failed', error: { code: 'TARA_PLUGIN_DUPLICATE', fields: { plugin: 'twin' } } },
      { version: '1.0.0', state: 'failed', error: { code: 'TARA_PLUGIN_DUPLICATE' } },
    ]);
  });
});

describe('configuration', () => {
  const strict = plugin('strict', { config: z.strictObject({ limit: z.number().default(3) }) });

  it('hands out what the schema makes of it, of {} where there is none', async () => {
    const seen: unknown[] = [];
    const spy = { ...strict, register: ({ config }: { config: unknown }) => void seen.push(config) };
    await started([spy]);
    await started([spy], { config: { strict: { limit: 9 } } });
    expect(seen).toEqual([{ limit: 3 }, { limit: 9 }]);
  });

  it('names the field that is wrong', () => {
    const error = errorOf([strict], 'strict', { config: { strict: { limit: 'many' } } });
    expect(error).toMatchObject({ code: 'TARA_PLUGIN_CONFIG', exitCode: 2, hint: 'Correct config.strict in tara.config.' });
    expect(error.message).toContain('limit: ');
  });

  it('refuses one for a plugin that takes none, and a schema that throws', () => {
    expect(errorOf([plugin('plain')], 'plain', { config: { plain: {} } }).message).toBe('configuration of plugin plain: it takes none');
    const broken = plugin('broken', { config: { safeParse: () => { throw new Error('schema bug'); } } });
    expect(errorOf([broken], 'broken')).toMatchObject({ code: 'TARA_PLUGIN_CONFIG', fields: { reason: 'its schema failed: schema bug' } });
  });

  it('does not take an inherited key for a configuration', () => {
    expect(bench([plugin('constructor')], { config: {} }).states()).toEqual(['constructor: loaded']);
  });

  it('reports sections that name no plugin', () => {
    expect(bench([strict], { config: { stirct: {} } }).host.problems()).toMatchObject([{ code: 'TARA_CONFIG_UNUSED', fields: { key: 'config.stirct' } }]);
  });
});

describe('dependencies', () => {
  it('refuses what is not there, and what depends on it', () => {
    expect(bench([plugin('top', { requires: ['middle'] }), plugin('middle', { requires: ['bottom'] }), plugin('other')]).states()).toEqual([
      'top: failed TARA_PLUGIN_DEPENDENCY_FAILED',
      'middle: failed TARA_PLUGIN_DEPENDENCY_MISSING',
      'other: loaded',
    ]);
  });

  it('compares versions', () => {
    const values = [plugin('base', { version: '1.4.0' }), plugin('fits', { requires: ['base@^1.2.0'] }), plugin('late', { requires: ['base@^2.0.0'] })];
    expect(errorOf(values, 'late')).toMatchObject({ code: 'TARA_PLUGIN_DEPENDENCY_MISSING', fields: { plugin: 'late', dependency: 'base@^2.0.0', reason: 'but its version is 1.4.0' } });
    expect(bench(values).states()[1]).toBe('fits: loaded');
  });

  it('finds a capability by its name, or the fallback of the core', () => {
    const values = [plugin('reader', { requires: ['moods'] })];
    expect(bench([...values, plugin('mood-engine', { provides: ['moods'] })]).states()).toEqual(['reader: loaded', 'mood-engine: loaded']);
    expect(bench(values, { services: [service(createCapability('moods'), () => 1)] }).states()).toEqual(['reader: loaded']);
    expect(bench(values).states()).toEqual(['reader: failed TARA_PLUGIN_DEPENDENCY_MISSING']);
  });

  it('runs without optional ones that are absent, failed or of another version', () => {
    const values = [plugin('app', { optional: ['absent', 'bad', 'base@^2.0.0'] }), plugin('bad', { kernel: '>=99' }), plugin('base')];
    expect(bench(values).states()).toEqual(['app: loaded', 'bad: failed TARA_PLUGIN_KERNEL_RANGE', 'base: loaded']);
  });
});

describe('cycles', () => {
  it('shows each member its way round, and fails what stands on it', () => {
    const values = [plugin('a', { requires: ['b'] }), plugin('b', { requires: ['c'] }), plugin('c', { optional: ['a'] }), plugin('d', { requires: ['c'] }), plugin('e')];
    expect(errorOf(values, 'b')).toMatchObject({ code: 'TARA_PLUGIN_CYCLE', fields: { plugin: 'b', cycle: 'b -> c -> a -> b' } });
    expect(bench(values).states()).toEqual(['a: failed TARA_PLUGIN_CYCLE', 'b: failed TARA_PLUGIN_CYCLE', 'c: failed TARA_PLUGIN_CYCLE', 'd: failed TARA_PLUGIN_DEPENDENCY_FAILED', 'e: loaded']);
  });

  it('knows a plugin that requires itself', () => {
    expect(errorOf([plugin('self', { requires: ['self'] })], 'self').fields.cycle).toBe('self -> self');
  });
});

describe('clashes', () => {
  const one = plugin('one', { provides: ['moods'], register: ({ provide }) => provide(createCapability('moods'), () => 'one') });
  const two = plugin('two', { provides: ['moods'], register: ({ provide }) => provide(createCapability('moods'), () => 'two') });

  it('refuses a second provider of a capability', () => {
    expect(errorOf([one, two], 'two')).toMatchObject({ code: 'TARA_PLUGIN_CAPABILITY_CLASH', fields: { plugin: 'two', other: 'one', capability: 'moods' } });
  });

  it('lets the configuration choose', async () => {
    const { host, states } = await started([one, two], { capabilities: { moods: 'two' } });
    expect(states()).toEqual(['one: started', 'two: started']);
    expect(host.use(createCapability<string>('moods'))).toBe('two');
  });

  it('reports a choice that nobody fits', () => {
    const { host } = bench([one], { capabilities: { moods: 'three' } });
    expect(host.problems()).toMatchObject([{ code: 'TARA_CONFIG_UNUSED', fields: { key: 'capabilities.moods' } }]);
  });

  it('refuses a command that the core or another plugin has', () => {
    const command = (name: string) => ({ commands: [{ name, description: 'does it', load: noop }] });
    const values = [plugin('first', command('shine')), plugin('second', command('shine')), plugin('third', command('build-phase'))];
    const options = { reservedCommands: ['build-phase'] };
    expect(errorOf(values, 'second', options)).toMatchObject({ code: 'TARA_PLUGIN_COMMAND_CLASH', fields: { command: 'shine', other: 'first' } });
    expect(errorOf(values, 'third', options)).toMatchObject({ code: 'TARA_PLUGIN_COMMAND_CLASH', fields: { command: 'build-phase', other: 'the core' } });
    expect(bench(values, options).host.commands().map(({ plugin: owner, name }) => `${owner} ${name}`)).toEqual(['first shine']);
  });

  it('refuses a hook point that the core has, and a handler for a hook that nobody has', () => {
    expect(errorOf([plugin('deploy', { hookPoints: { 'deploy:before': 'parallel' } })], 'deploy').code).toBe('TARA_PLUGIN_HOOK_CLASH');
    const lost = { ...plugin('lost'), hooks: { 'chat:replly': () => undefined } };
    expect(errorOf([lost], 'lost')).toMatchObject({ code: 'TARA_PLUGIN_HOOK_UNKNOWN', fields: { plugin: 'lost', hook: 'chat:replly' } });
  });

  it('passes over handlers for hooks of an optional plugin that is absent', async () => {
    const guest = { ...plugin('guest', { optional: ['scrub'] }), hooks: { 'scrub:check': () => undefined } };
    expect((await started([guest])).states()).toEqual(['guest: started']);
  });
});

it('checks in order: the first failing check names the error', () => {
  const faults: [string, object][] = [
    ['TARA_PLUGIN_SHAPE', { version: 'x' }],
    ['TARA_PLUGIN_KERNEL_RANGE', { kernel: '>=99' }],
    ['TARA_PLUGIN_CONFIG', { config: z.strictObject({ needed: z.string() }) }],
    ['TARA_PLUGIN_DEPENDENCY_MISSING', { requires: ['nobody', 'subject'] }],
    ['TARA_PLUGIN_CYCLE', { requires: ['subject'] }],
    ['TARA_PLUGIN_CAPABILITY_CLASH', { provides: ['moods'] }],
  ];
  const owner = plugin('owner', { provides: ['moods'] });
  faults.forEach(([code], index) => {
    // All later faults together with this one.
    const subject: object = Object.assign({}, plugin('subject'), ...faults.slice(index).map(([, fault]) => fault).reverse());
    expect(errorOf([owner, subject], 'subject').code).toBe(code);
  });
});
