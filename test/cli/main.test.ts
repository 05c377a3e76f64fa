import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { CORE_COMMANDS } from '../../src/cli/commands/index.js';
import { BUILT_IN_COMMANDS } from '../../src/cli/plugin-commands.js';
import { nearest } from '../../src/cli/suggest.js';
import { splitCommand } from '../../src/cli/arguments.js';
import { temporary } from '../phases/temporary.js';
import { tara } from './run.js';

const fresh = temporary();

describe('the program', () => {
  it('prints its version and its help', async () => {
    const cwd = fresh();
    expect((await tara(cwd, ['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    for (const argv of [['--help'], ['-h'], ['help']]) {
      const help = await tara(cwd, argv);
      expect(help.code).toBe(0);
      for (const { name } of [...CORE_COMMANDS, ...BUILT_IN_COMMANDS]) expect(help.out).toContain(`  ${name} `);
    }
  });

  it('names a near command for a wrong one, with exit code 2', async () => {
    const ran = await tara(fresh(), ['lst-phases']);
    expect([ran.code, ran.out]).toEqual([2, '']);
    expect(ran.err).toMatch(/^error TARA_USAGE: unknown command "lst-phases"; did you mean list-phases\? /);
    expect((await tara(fresh(), ['xyzzy-plugh'])).err).toContain('`tara-gguf --help` lists them');
    expect((await tara(fresh(), [])).code).toBe(2);
    expect((await tara(fresh(), ['--nope'])).err).toContain('unknown option "--nope"');
    expect((await tara(fresh(), ['list-phases', '--jsn'])).err).toMatch(/^error TARA_USAGE: unknown option '--jsn' \(Did you mean --json\?\)/);
  });

  it.each(CORE_COMMANDS.map((entry) => [entry.name, entry] as const))('describes %s with examples and no clash of options', async (name, entry) => {
    const { default: module } = await entry.load();
    const command = new Command(name);
    module.describe(command);
    for (const option of command.options) expect(['--json', '--home', '--verbose', '--quiet', '--help']).not.toContain(option.long);
    const help = await tara(fresh(), [name, '--help']);
    expect([help.code, help.err]).toEqual([0, '']);
    expect(help.out).toContain(`Usage: tara-gguf ${name}`);
    expect(help.out).toContain(`$ tara-gguf ${name}`);
    expect((await tara(fresh(), ['help', name])).out).toBe(help.out);
  });

  it('ends at once when it was aborted before it began', async () => {
    const controller = new AbortController();
    controller.abort();
    const ran = await tara(fresh(), ['list-phases'], { signal: controller.signal });
    expect([ran.code, ran.err.split(':')[0]]).toEqual([1, 'error TARA_ABORTED']);
  });

  it('prints the stack with --verbose only', async () => {
    expect((await tara(fresh(), ['show-phase', '1', '--verbose'])).err).toContain('    at ');
    expect((await tara(fresh(), ['show-phase', '1'])).err).not.toContain('    at ');
  });

  it('never lets a terminal escape from a file or an argument through', async () => {
    const ran = await tara(fresh(), ['create-phase', '1', '--base', 'no\u001b[31m\nwhere']);
    expect([...ran.err.slice(0, -1)].filter((char) => char < ' ')).toEqual([]);
  });
});

describe('commands of plugins', () => {
  const plugin = (body: string) => `export default { name: 'greet', version: '1.0.0', kernel: '*', apiVersion: 1, commands: [{ name: 'greet', description: 'says hello', load: async () => ({ default: {
    describe(command) { command.argument('[names...]', 'whom').option('--loud', 'louder'); },
    async run(context) { ${body} } } }) }] };`;
  const withPlugin = (body: string): string => {
    const cwd = fresh();
    mkdirSync(join(cwd, 'plugins'));
    writeFileSync(join(cwd, 'plugins/greet.mjs'), plugin(body));
    writeFileSync(join(cwd, 'tara.config.json'), JSON.stringify({ plugins: ['./plugins/greet.mjs'] }));
    return cwd;
  };

  it('run with arguments, options, --json and help', async () => {
    const cwd = withPlugin("const text = 'hello ' + context.args.join(' and ') + (context.options.loud ? '!' : ''); return { json: { text }, text, exitCode: context.args.length ? 0 : 1 };");
    expect(await tara(cwd, ['greet', 'a', 'b', '--loud'])).toMatchObject({ code: 0, out: 'hello a and b!\n', err: '' });
    expect((await tara(cwd, ['greet', 'a', '--json'])).json()).toEqual({ text: 'hello a' });
    expect((await tara(cwd, ['greet'])).code).toBe(1);
    expect((await tara(cwd, ['greet', '--help'])).out).toContain('says hello');
    expect((await tara(cwd, ['gret'])).err).toContain('did you mean greet?');
  });

  it('print one JSON line an item for an async iterable', async () => {
    const cwd = withPlugin('return { json: (async function* () { yield { n: 1n }; yield { n: 2n ** 60n }; yield 3; })(), text: "" };');
    expect((await tara(cwd, ['greet', '--json'])).out).toBe('{"n":1}\n{"n":"1152921504606846976"}\n3\n');
  });

  it('that throw anything give one line', async () => {
    const cwd = withPlugin("throw new Error('broken\\nin two lines');");
    const ran = await tara(cwd, ['greet']);
    expect([ran.code, ran.out]).toEqual([1, '']);
    expect(ran.err).toMatch(/^error TARA_\w+: [^\n]*broken in two lines[^\n]*\n$/);
  });

  it('do not keep core commands from running when tara.config is broken', async () => {
    const cwd = fresh();
    writeFileSync(join(cwd, 'tara.config.json'), '{ broken');
    expect((await tara(cwd, ['list-phases', '--json'])).json()).toEqual({ phases: [] });
    expect((await tara(cwd, ['greet'])).err).toMatch(/^error TARA_CONFIG_FILE_INVALID: /);
  });
});

describe('parts', () => {
  it('finds the command among global options', () => {
    expect(splitCommand(['--home', 'x', 'list-phases', '--json'])).toEqual({ name: 'list-phases', rest: ['--home', 'x', '--json'] });
    expect(splitCommand(['--json', 'a', 'b'])).toEqual({ name: 'a', rest: ['--json', 'b'] });
    expect(splitCommand(['--', 'a'])).toEqual({ name: undefined, rest: ['--', 'a'] });
  });

  it('suggests only what is near', () => {
    expect(nearest('quantise', ['quantize', 'generate'])).toBe('quantize');
    expect(nearest('lsit-phases', ['list-phases'])).toBe('list-phases');
    expect(nearest('zzz', ['chat', 'demo'])).toBeUndefined();
  });
});
