/** Results and errors on the streams: one JSON document or text on stdout, one line for an error on stderr. */
import type { TaraError } from '../errors.js';
import type { CommandResult } from '../kernel/command.js';
import type { Output } from './context.js';
import { printable } from './format.js';

/** Resolves when the stream has taken the text; a reader that went away (EPIPE) is no error. */
export function write(output: Output, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(text, (error) => {
      const code = (error as NodeJS.ErrnoException | null | undefined)?.code;
      if (!error || code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') resolve();
      else reject(error);
    });
  });
}

/** One line of JSON; a bigint becomes a number where that is exact, else text. */
export const jsonLine = (value: unknown): string =>
  JSON.stringify(value ?? null, (_, item: unknown) => (typeof item !== 'bigint' ? item : Number.isSafeInteger(Number(item)) ? Number(item) : String(item)));

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> => typeof value === 'object' && value !== null && Symbol.asyncIterator in value;

export async function writeResult(output: Output, result: CommandResult, json: boolean): Promise<void> {
  if (json && isAsyncIterable(result.json)) {
    for await (const item of result.json) await write(output, `${jsonLine(item)}\n`);
  } else if (json) {
    await write(output, `${jsonLine(result.json)}\n`);
  } else if (result.text !== '') {
    await write(output, `${result.text}\n`);
  }
}

/** A path or name of kilobytes leaves its middle out. */
const MOST_SHOWN = 800;
const shown = (text: string): string => {
  const line = printable(text.replace(/\s+/g, ' ').trim());
  return line.length <= MOST_SHOWN ? line : `${line.slice(0, MOST_SHOWN / 2)} … ${line.slice(-MOST_SHOWN / 2)}`;
};

export const errorLine = (error: TaraError): string => {
  const message = shown(error.message);
  return `error ${error.code}: ${message}${/[.?!]$/.test(message) ? '' : '.'} ${shown(error.hint)}`;
};

/** With --json the error is the document on stdout; --verbose adds the stacks of the error and its causes on stderr. */
export async function writeError(stdout: Output, stderr: Output, error: TaraError, options: { json: boolean; verbose: boolean }): Promise<void> {
  if (options.json) await write(stdout, `${jsonLine({ error: { code: error.code, message: error.message, hint: error.hint } })}\n`);
  else await write(stderr, `${errorLine(error)}\n`);
  if (options.verbose) await write(stderr, `${stackOf(error)}\n`);
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by ${stackOf(error.cause)}`;
}
