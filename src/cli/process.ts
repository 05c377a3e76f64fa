/** The command line as a process: signals, a reader that went away, and the last net for errors. */
import { asTaraError } from '../errors.js';
import type { Output } from './context.js';
import { run } from './main.js';
import { errorLine } from './output.js';

/** How long handles that something left open may keep the process after the work is done. */
const LINGER_MS = 2000;

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

export async function main(): Promise<void> {
  const controller = new AbortController();
  let signalled: number | undefined;
  let readerGone = false;

  for (const [signal, code] of Object.entries(SIGNALS) as [keyof typeof SIGNALS, number][]) {
    process.on(signal, () => {
      // A second signal does not wait for the clean-up.
      if (signalled !== undefined) process.exit(code);
      signalled = code;
      controller.abort();
    });
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') return fail(error);
    readerGone = true;
    controller.abort();
  });
  process.stderr.on('error', () => undefined);
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);

  // Nobody asked for the error that ends the work when the reader is gone.
  const stderr: Output = {
    write: (text, done) => (readerGone ? done?.() : process.stderr.write(text, done)),
    isTTY: process.stderr.isTTY,
    get columns() { return process.stderr.columns; },
  };
  const code = await run(process.argv.slice(2), { signal: controller.signal, stderr });
  process.exitCode = signalled ?? (readerGone ? 0 : code);
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

function fail(thrown: unknown): void {
  const error = asTaraError(thrown);
  try {
    process.stderr.write(`${errorLine(error)}\n`);
    if (process.argv.includes('--verbose') && thrown instanceof Error) process.stderr.write(`${thrown.stack ?? ''}\n`);
  } finally {
    process.exit(1);
  }
}
