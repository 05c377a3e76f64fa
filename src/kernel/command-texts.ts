/** Where a command that reads texts gets them: its argument, a file of one text a line, or standard input. */

import { createReadStream } from 'node:fs';
import { TaraError } from '../errors.js';
import type { CommandContext } from './command.js';

/** A line longer than this is cut into texts of this many characters. */
const LONGEST = 1 << 20;

/** The event loop gets a turn after this many lines. */
const BREATH = 32;

/** Lines of a byte stream as texts: what follows a TAB is a label and left out, blank lines too; invalid UTF-8 is replaced. */
export async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = '';
  const clean = (line: string): string => (line.split('\t', 1)[0] ?? '').trim();
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST) {
      lines.push(rest);
      rest = '';
    }
    for (const line of lines) if (clean(line) !== '') yield clean(line);
  }
  rest += decoder.decode();
  if (clean(rest) !== '') yield clean(rest);
}

/** The texts a command was given: [TEXT], or --file F with `-` for standard input. Throws TARA_USAGE, TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE. */
export async function* textsOf({ args, options, signal }: Pick<CommandContext, 'args' | 'options' | 'signal'>): AsyncIterable<string> {
  const file = typeof options.file === 'string' ? options.file : undefined;
  const text = args.length === 0 ? undefined : args.join(' ');
  if ((file === undefined) === (text === undefined)) throw new TaraError('TARA_USAGE', { reason: 'give either a text or --file FILE' });
  if (text !== undefined) {
    yield text;
    return;
  }
  const path = file ?? '-';
  let count = 0;
  try {
    for await (const line of linesOf(path === '-' ? process.stdin : createReadStream(path))) {
      signal.throwIfAborted();
      yield line;
      count += 1;
      if (count % BREATH === 0) await new Promise<void>((resolve) => void setImmediate(resolve));
    }
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') throw new TaraError('TARA_FILE_NOT_FOUND', { path }, { cause: thrown });
    if (typeof code === 'string' && (thrown as NodeJS.ErrnoException).syscall !== undefined) throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: code }, { cause: thrown });
    throw thrown;
  }
}
