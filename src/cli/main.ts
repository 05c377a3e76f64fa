/**
 * One run of the command line: finds the command, reads its options, runs it and prints the result. Returns the exit
 * code and leaves the process alone, so that tests and other programs can call it; bin/ and process.ts own the process.
 */
import { asTaraError, TaraError } from '../errors.js';
import type { CommandModule, CommandResult } from '../kernel/command.js';
import type { Host } from '../kernel/host-types.js';
import type { Use } from '../kernel/tokens.js';
import { KERNEL_VERSION } from '../kernel/version.js';
import type { Registry } from '../phases/registry/registry.js';
import type { CoreCommandEntry } from './commands/index.js';
import type { CoreCommand, CoreContext, Io } from './context.js';
import { write, writeError, writeResult } from './output.js';

/** A command ready to run, wherever it came from. */
interface Found {
  readonly name: string;
  readonly summary: string;
  readonly command: CoreCommand | CommandModule;
  /** What a plugin's command gets of its plugin. */
  open?(): Promise<{ readonly config: unknown; use: Use }>;
}

/** What one run holds open; closed in any case. */
interface Session {
  host?: Promise<Host>;
  registry?: { readonly access: 'read' | 'write'; readonly open: Registry };
}

/** `argv` without node and the script. Never rejects. 0 done, 1 the work failed or its answer is no, 2 bad usage. */
export async function run(argv: readonly string[], partial: Partial<Io> = {}): Promise<number> {
  const io: Io = {
    stdout: process.stdout, stderr: process.stderr, stdin: process.stdin, env: process.env, cwd: process.cwd(), signal: new AbortController().signal, ...partial,
  };
  const end = argv.indexOf('--');
  const flags = end < 0 ? argv : argv.slice(0, end);
  const modes = { json: flags.includes('--json'), verbose: flags.includes('--verbose'), quiet: flags.includes('--quiet') };
  try {
    return await dispatch(argv, io, modes);
  } catch (thrown) {
    const { naming } = await import('./options.js');
    const error = naming(asTaraError(thrown));
    await writeError(io.stdout, io.stderr, error, modes).catch(() => undefined);
    return error.exitCode;
  }
}

interface Modes {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly quiet: boolean;
}

async function dispatch(argv: readonly string[], io: Io, modes: Modes): Promise<number> {
  if (argv[0] === '--version' || argv[0] === '-V') {
    await write(io.stdout, modes.json ? `{"version":"${KERNEL_VERSION}"}\n` : `${KERNEL_VERSION}\n`);
    return 0;
  }
  const [{ splitCommand, parseCommand }, { homeOf }] = await Promise.all([import('./arguments.js'), import('../phases/home.js')]);
  const split = splitCommand(argv);
  const asksHelp = split.name === 'help';
  const { name, rest } = asksHelp ? { name: splitCommand(split.rest).name, rest: ['--help'] } : split;
  if (name === undefined) return topLevel(io, rest, asksHelp);

  const session: Session = {};
  const home = homeOf({ home: earlyPath(rest, '--home'), env: io.env, cwd: io.cwd });
  const openHost = () => (session.host ??= import('./plugin-commands.js').then(({ loadPluginCommands }) => loadPluginCommands(home, io.cwd, earlyPath(rest, '--embedding-model'))));
  try {
    const found = await find(name, openHost);
    const parsed = parseCommand(name, found.summary, (command) => found.command.describe(command), rest, columnsOf(io));
    if ('help' in parsed) {
      await write(io.stdout, parsed.help);
      return 0;
    }
    io.signal.throwIfAborted();
    const [{ createProgress }, { resolve }] = await Promise.all([import('./progress.js'), import('node:path')]);
    const interactive = io.stderr.isTTY === true && !modes.quiet && !modes.json;
    const progress = createProgress(io.stderr, interactive);
    const plugin = await found.open?.();
    let started: Host | undefined;
    const use: Use = (token) => {
      if (plugin) return plugin.use(token);
      if (started) return started.use(token);
      throw new TaraError('TARA_SERVICE_UNKNOWN', { user: `command ${name}`, token: token.name });
    };
    const context: CoreContext = {
      args: parsed.args, options: parsed.options, config: plugin?.config, signal: io.signal,
      home, env: io.env, cwd: io.cwd, stdin: io.stdin, json: modes.json, dryRun: parsed.options.dryRun === true, interactive,
      use,
      find: (token) => started?.find(token),
      progress: (label) => progress.sink(label),
      path: (typed) => resolve(io.cwd, checkedPath(typed)),
      async registry(access) {
        const { Registry } = await import('../phases/registry/registry.js');
        if (session.registry?.access === access || session.registry?.access === 'write') return session.registry.open;
        // A reader's registry may stand for a file that does not exist.
        session.registry?.open.close();
        const open = Registry.open(home, { create: access === 'write', dryRun: context.dryRun });
        session.registry = { access, open };
        return open;
      },
      async plugins() {
        if (started) return started;
        const host = await openHost();
        await host.start();
        started = host;
        for (const line of failures(host)) context.note(line);
        return host;
      },
      async print(text) {
        if (modes.json) return;
        progress.clear();
        await write(io.stdout, text);
      },
      note(text) {
        if (modes.quiet) return;
        progress.clear();
        io.stderr.write(`${text}\n`);
      },
    };
    // A plugin's own command started the host already.
    if (plugin) await context.plugins();
    let result: CommandResult;
    try {
      result = await found.command.run(context);
    } finally {
      progress.clear();
    }
    await writeResult(io.stdout, result, modes.json);
    return result.exitCode ?? 0;
  } finally {
    session.registry?.open.close();
    await session.host?.then((host) => host.stop(), () => undefined);
  }
}

/** What a person should know before trusting the answer: a redactor that did not start redacts nothing. */
const failures = (host: Host): string[] => [
  ...host.plugins().flatMap(({ name, error, state }) => (state === 'failed' && error ? [`warning: plugin ${name} is out: ${error.code}: ${error.message}`] : [])),
  ...host.problems().map(({ code, message }) => `warning: ${code}: ${message}`),
];

async function find(name: string, openHost: () => Promise<Host>): Promise<Found> {
  const { CORE_COMMANDS } = await import('./commands/index.js');
  const core = CORE_COMMANDS.find((entry) => entry.name === name);
  if (core) return { name, summary: core.summary, command: await loadCore(core) };
  const host = await openHost();
  const own = host.commands().find((command) => command.name === name);
  if (own) return { name, summary: own.description, command: await own.load(), open: own.open };
  const [{ BUILT_IN_COMMANDS }, { nearest }] = await Promise.all([import('./plugin-commands.js'), import('./suggest.js')]);
  const builtIn = BUILT_IN_COMMANDS.find((entry) => entry.name === name);
  const status = builtIn && host.plugins().find((plugin) => plugin.name === builtIn.plugin || plugin.source === `built in: ${builtIn.plugin}`);
  if (status?.error) throw status.error;
  const known = [...CORE_COMMANDS, ...BUILT_IN_COMMANDS, ...host.commands()].map((entry) => entry.name);
  const near = nearest(name, known);
  throw new TaraError('TARA_USAGE', { reason: `unknown command ${JSON.stringify(name.slice(0, 80))}${near ? `; did you mean ${near}?` : '; `tara-gguf --help` lists them'}` });
}

async function loadCore(entry: CoreCommandEntry): Promise<CoreCommand> {
  return (await entry.load()).default;
}

async function topLevel(io: Io, rest: readonly string[], asksHelp: boolean): Promise<number> {
  const [{ programHelp }, { CORE_COMMANDS }, { BUILT_IN_COMMANDS }] = await Promise.all([import('./arguments.js'), import('./commands/index.js'), import('./plugin-commands.js')]);
  if (asksHelp || rest.includes('--help') || rest.includes('-h')) {
    await write(io.stdout, programHelp([...CORE_COMMANDS, ...BUILT_IN_COMMANDS], columnsOf(io)));
    return 0;
  }
  const unknown = rest.find((part) => !['--json', '--verbose', '--quiet', '--home'].includes(part));
  throw new TaraError('TARA_USAGE', { reason: unknown?.startsWith('-') ? `unknown option ${JSON.stringify(unknown)}` : 'no command given; `tara-gguf --help` lists them' });
}

/** An option as it stands in the arguments: the host, which plugins' commands come from, is made before commander reads them. */
function earlyPath(rest: readonly string[], flag: string): string | undefined {
  let typed: string | undefined;
  for (const [index, part] of rest.entries()) {
    if (part === '--') break;
    if (part === flag) typed = rest[index + 1];
    else if (part.startsWith(`${flag}=`)) typed = part.slice(flag.length + 1);
  }
  return typed === undefined ? undefined : checkedPath(typed);
}

/** An empty path would mean the working directory, which nobody who typed "" wants. */
function checkedPath(typed: string): string {
  if (typed === '' || typed.includes('\0')) throw new TaraError('TARA_USAGE', { reason: typed === '' ? 'a path is empty' : 'a path contains a NUL character' });
  return typed;
}

const columnsOf = (io: Io): number => io.stdout.columns ?? 100;
