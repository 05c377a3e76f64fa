import { Readable } from 'node:stream';
import { run } from '../../src/cli/main.js';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** The one JSON document on stdout. */
  json<T = Record<string, unknown>>(): T;
}

/** Runs a command in this process and folder. */
export async function tara(cwd: string, argv: readonly string[], options: { env?: Record<string, string>; signal?: AbortSignal; tty?: boolean } = {}): Promise<Ran> {
  let out = '';
  let err = '';
  const code = await run(argv, {
    stdout: { write: (text, done) => { out += text; done?.(); } },
    stderr: { write: (text, done) => { err += text; done?.(); }, isTTY: options.tty },
    stdin: Readable.from([]),
    env: options.env ?? {},
    cwd,
    ...(options.signal && { signal: options.signal }),
  });
  return {
    code, out, err,
    json: <T>() => {
      if (out.trimEnd().includes('\n')) throw new Error(`more than one line on stdout: ${out}`);
      return JSON.parse(out) as T;
    },
  };
}
