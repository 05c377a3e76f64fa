/** A file on a web server, read in order by range requests: what a header needs crosses the network, and no more. */
import { STATUS_CODES } from 'node:http';
import { TaraError } from '../errors.js';
import type { ByteSource } from './byte-reader.js';
import type { FileIdentity } from './files.js';
import { oneLine } from './one-line.js';

/** Bytes asked for at least: the header of a model, without its vocabulary. */
const LEAST = 1 << 18;
/** No more is read of any file, whatever its header announces; the largest vocabularies take 20 MB. */
const MOST = 1 << 26;
const TIMEOUT_MS = 30_000;
const CONTENT_RANGE = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/i;
const LENGTH = /^\d{1,15}$/;

export interface RemoteOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long one read may take, milliseconds; 30 s when left out. */
  readonly timeoutMs?: number | undefined;
}

export const isUrl = (text: string): boolean => /^https?:\/\//i.test(text);

/** The bytes of an answer that were not read yet: `position` up to `end`. */
interface Answer {
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly end: number;
  position: number;
  /** Received, but not asked for yet. */
  rest: Uint8Array;
}

/** Which bytes an answer holds, end excluded, and the size of the whole file. */
interface Span {
  readonly start: number;
  readonly end: number;
  readonly size: number;
}

class RemoteFile implements ByteSource {
  /** The address without its query, which may hold a signature. */
  readonly path: string;
  size = 0;
  mtimeMs = 0;
  #url: string;
  #etag: string | null = null;
  #answer: Answer | undefined;
  #timedOut = false;
  readonly #end = new AbortController();
  readonly #signal: AbortSignal | undefined;
  readonly #timeoutMs: number;

  constructor(url: URL, { signal, timeoutMs = TIMEOUT_MS }: RemoteOptions) {
    this.path = oneLine(url.origin + url.pathname);
    this.#url = url.href;
    this.#signal = signal;
    this.#timeoutMs = timeoutMs;
  }

  /** Asks for the first bytes, which tells the size. */
  async open(): Promise<void> {
    await this.#timed(() => this.#ask(0, LEAST));
  }

  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    return this.#timed(async () => {
      if (position + length > MOST) throw this.#fail(`its header is longer than ${MOST} bytes`);
      const open = this.#answer;
      const answer = open?.position === position && open.end > position ? open : await this.#ask(position, length);
      return { bytesRead: await this.#take(answer, buffer.subarray(offset, offset + Math.min(length, LEAST))) };
    });
  }

  close(): void {
    this.#end.abort();
  }

  #fail(reason: string, cause?: unknown): TaraError {
    return new TaraError('TARA_REMOTE_UNREADABLE', { url: this.path, reason: oneLine(reason) }, { cause });
  }

  /** Runs one piece of work under the time limit; what fails becomes a TaraError. */
  async #timed<T>(work: () => Promise<T>): Promise<T> {
    const abort = () => this.#end.abort();
    const timer = setTimeout(() => {
      this.#timedOut = true;
      abort();
    }, this.#timeoutMs);
    this.#signal?.addEventListener('abort', abort, { once: true });
    try {
      this.#signal?.throwIfAborted();
      return await work();
    } catch (thrown) {
      abort();
      if (thrown instanceof TaraError) throw thrown;
      if (this.#signal?.aborted) throw new TaraError('TARA_ABORTED', {}, { cause: thrown });
      if (this.#timedOut) throw this.#fail(`no answer within ${this.#timeoutMs / 1000} s`, thrown);
      throw this.#fail(reasonOf(thrown), thrown);
    } finally {
      clearTimeout(timer);
      this.#signal?.removeEventListener('abort', abort);
    }
  }

  /** Starts an answer that holds the byte at `position`. */
  async #ask(position: number, length: number): Promise<Answer> {
    await this.#answer?.reader.cancel();
    this.#answer = undefined;
    // A size of 0 is one that no answer has told yet.
    const last = position + Math.max(length, LEAST) - 1;
    const response = await fetch(this.#url, {
      headers: { range: `bytes=${position}-${this.size > 0 ? Math.min(last, this.size - 1) : last}` },
      signal: this.#end.signal,
    });
    const span = this.#spanOf(response, position, last);
    this.#pin(response, span.size);
    if (!response.body) throw this.#fail('the server sends no content');
    this.#url = response.url || this.#url;
    return (this.#answer = { reader: response.body.getReader(), position, end: span.end, rest: new Uint8Array() });
  }

  /** What an answer to the range from `position` to `last` holds. */
  #spanOf({ status, headers }: Response, position: number, last: number): Span {
    if (status !== 200 && status !== 206) throw this.#fail(`the server answers ${status} ${STATUS_CODES[status] ?? ''}`.trim());
    const encoding = headers.get('content-encoding') ?? 'identity';
    if (encoding !== 'identity') throw this.#fail(`the server sends it encoded (${encoding})`);
    const length = headers.get('content-length');
    if (status === 200) {
      // The whole file, because the server knows no ranges: read as far as needed, if it starts where we are.
      if (position > 0) throw this.#fail('the server answers a range with the whole file');
      if (length === null || !LENGTH.test(length)) throw this.#fail('the server knows no ranges and does not tell the size of the file');
      return { start: 0, end: Number(length), size: Number(length) };
    }
    const [, ...numbers] = CONTENT_RANGE.exec(headers.get('content-range') ?? '') ?? [];
    const [start = NaN, final = NaN, size = NaN] = numbers.map(Number);
    const fits = start === position && final >= start && final <= last && final < size && (length === null || Number(length) === final - start + 1);
    if (!fits) throw this.#fail(`the server answers the range ${position}-${last} with ${headers.get('content-range') ?? 'no range'}`);
    return { start, end: final + 1, size };
  }

  /** Every answer must be of the same file. */
  #pin({ headers }: Response, size: number): void {
    const etag = headers.get('etag');
    if (this.size > 0 && (size !== this.size || (etag !== null && this.#etag !== null && etag !== this.#etag))) throw new TaraError('TARA_FILE_CHANGED', { path: this.path });
    this.size = size;
    this.#etag ??= etag;
    this.mtimeMs = Date.parse(headers.get('last-modified') ?? '') || 0;
  }

  /** Copies the next bytes of the answer: as many as `target` takes, so that a server that trickles runs into the time limit. */
  async #take(answer: Answer, target: Uint8Array): Promise<number> {
    const wanted = Math.min(target.length, answer.end - answer.position);
    for (let taken = 0; taken < wanted;) {
      if (answer.rest.length === 0) {
        const { done, value } = await answer.reader.read();
        if (done) throw this.#fail(`the answer ends ${answer.end - answer.position} bytes too early`);
        if (value.length > answer.end - answer.position) throw this.#fail('the server sends more than it announced');
        answer.rest = value;
      }
      const bytes = answer.rest.subarray(0, wanted - taken);
      target.set(bytes, taken);
      answer.rest = answer.rest.subarray(bytes.length);
      answer.position += bytes.length;
      taken += bytes.length;
    }
    return wanted;
  }
}

/** What fetch says went wrong: the reason lies in the cause of its error. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const cause = thrown.cause instanceof Error ? thrown.cause : thrown;
  return ('code' in cause && typeof cause.code === 'string' ? `${cause.code} ${cause.message}` : cause.message).trim();
}

function parsed(url: string): URL {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address === undefined || !isUrl(address.href)) throw new TaraError('TARA_USAGE', { reason: `${JSON.stringify(oneLine(url))} is no address` });
  if (address.username !== '' || address.password !== '') throw new TaraError('TARA_USAGE', { reason: 'an address with a user name or password is not opened' });
  return address;
}

/**
 * Runs `work` on the file at an http or https address, whose bytes are read in order, and ends the connection.
 * Throws TARA_REMOTE_UNREADABLE, TARA_FILE_CHANGED when the file changes between two answers, TARA_ABORTED, TARA_USAGE.
 */
export async function withRemote<T>(url: string, options: RemoteOptions, work: (file: ByteSource & FileIdentity & { readonly path: string }) => Promise<T>): Promise<T> {
  const file = new RemoteFile(parsed(url), options);
  try {
    await file.open();
    return await work(file);
  } finally {
    file.close();
  }
}
