/** Reads an argument list with commander: finds the command's name, then its arguments and options. */
import { Command, CommanderError, type Help } from 'commander';
import { TaraError } from '../errors.js';
import { addGlobalOptions } from './options.js';

/** Global options that take a value, so that the value is not taken for the command. */
const VALUED = new Set(['--home']);

/** The command's name and everything else in its order; no name when there are options only. */
export function splitCommand(argv: readonly string[]): { name: string | undefined; rest: string[] } {
  for (let index = 0; index < argv.length; index++) {
    const part = argv[index] ?? '';
    if (part === '--') break;
    if (VALUED.has(part)) index++;
    else if (!part.startsWith('-')) return { name: part, rest: [...argv.slice(0, index), ...argv.slice(index + 1)] };
  }
  return { name: undefined, rest: [...argv] };
}

export type Parsed =
  | { readonly help: string }
  | { readonly args: readonly string[]; readonly options: Readonly<Record<string, unknown>> };

/** Parses the arguments of one command. TARA_USAGE for what commander refuses; --help gives the text instead. */
export function parseCommand(name: string, summary: string, describe: (command: Command) => void, rest: readonly string[], columns: number): Parsed {
  const command = new Command(`tara-gguf ${name}`);
  let help = '';
  command.description(summary).exitOverride().configureOutput({
    writeOut: (text) => { help += text; },
    writeErr: () => undefined,
    getOutHelpWidth: () => columns,
  });
  describe(command);
  addGlobalOptions(command);
  try {
    command.parse(['--help', '-h'].includes(rest[0] ?? '') ? ['--help'] : rest, { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.code === 'commander.helpDisplayed' || thrown.code === 'commander.help') return { help };
    throw new TaraError('TARA_USAGE', { reason: thrown.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ') }, { cause: thrown });
  }
  return { args: command.processedArgs.flat().filter((value): value is string => typeof value === 'string'), options: command.opts() };
}

/** The help of the program: every command with its summary. */
export function programHelp(commands: readonly { name: string; summary: string }[], columns: number): string {
  const program = new Command('tara-gguf').usage('<command> [options]').helpOption('-h, --help', 'help of the program or a command')
    .description('Turns a base model and LoRA adapters into compressed GGUF phases, measures, deploys and answers from them.')
    .option('-V, --version', 'print the version').configureOutput({ getOutHelpWidth: () => columns }).helpCommand(false);
  addGlobalOptions(program);
  for (const { name, summary } of commands) program.command(name).description(summary);
  program.configureHelp({ subcommandTerm: (command: Command) => command.name() } satisfies Partial<Help>);
  program.addHelpText('after', '\nRun `tara-gguf COMMAND --help` for its options and examples.');
  let text = '';
  program.configureOutput({ writeOut: (part) => { text += part; }, getOutHelpWidth: () => columns });
  program.outputHelp();
  return text;
}
