/**
 * Finds calls in an answer while it comes. Forms: `<tool_call>JSON</tool_call>` (Hermes, Qwen), `[TOOL_CALLS]JSON` (Mistral),
 * `<|python_tag|>JSON` or an answer that is JSON alone (Llama 3; Mistral where the mark is a control token, which is no text).
 * What looks like a call and is none is given as text, but for what was told of it already.
 */
import { CallScanner, type Found } from './scanner.js';

interface Mark {
  readonly open: string;
  /** What ends the calls; null: the end of the answer. */
  readonly close: string | null;
}

const MARKS: readonly Mark[] = [
  { open: '<tool_call>', close: '</tool_call>' },
  { open: '[TOOL_CALLS]', close: null },
  { open: '<|python_tag|>', close: null },
];
const ALONE: Mark = { open: '', close: null };

const OPENS = MARKS.map(({ open }) => open);

/** Length of the longest end of `text` that begins one of `marks`. */
function held(text: string, marks: readonly string[]): number {
  const longest = Math.max(...marks.map(({ length }) => length)) - 1;
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(-length);
    if (marks.some((mark) => mark.startsWith(end))) return length;
  }
  return 0;
}

export class CallReader {
  readonly #names: ReadonlySet<string>;
  readonly #many: boolean;
  #rest = '';
  #inside: { readonly mark: Mark; readonly scanner: CallScanner } | undefined;
  #begun = false;
  #called = false;

  constructor(names: ReadonlySet<string>, many: boolean) {
    this.#names = names;
    this.#many = many;
  }

  /** What more of the answer tells. */
  *read(text: string): Generator<Found> {
    this.#rest += text;
    yield* this.#drain(false);
  }

  /** What was held back. */
  *end(): Generator<Found> {
    yield* this.#drain(true);
  }

  *#drain(ended: boolean): Generator<Found> {
    for (;;) {
      if (this.#inside) {
        const { mark: { open, close }, scanner } = this.#inside;
        const at = close === null ? -1 : this.#rest.indexOf(close);
        const length = at >= 0 ? at : this.#rest.length - (ended || close === null ? 0 : held(this.#rest, [close]));
        yield* this.#noted(scanner.read(this.#rest.slice(0, length)));
        this.#rest = this.#rest.slice(length + (at >= 0 && close !== null ? close.length : 0));
        if (at < 0 && !ended) return;
        yield* scanner.end(open, at >= 0 && close !== null ? close : '');
        this.#inside = undefined;
        continue;
      }
      if (!this.#begun && !this.#begin(ended)) return;
      if (this.#inside) continue;
      const next = MARKS.map((mark) => ({ mark, at: this.#rest.indexOf(mark.open) })).filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at)[0];
      const length = next ? next.at : this.#rest.length - (ended ? 0 : held(this.#rest, OPENS));
      if (length > 0) yield { type: 'text', text: this.#rest.slice(0, length) };
      this.#rest = this.#rest.slice(length + (next ? next.mark.open.length : 0));
      if (!next) return;
      this.#enter(next.mark);
    }
  }

  /** Whether it is known how the answer begins: one that begins as JSON may be a call and nothing else. */
  #begin(ended: boolean): boolean {
    const start = this.#rest.trimStart();
    if (start === '' && !ended) return false;
    // A bracket may be the beginning of a mark.
    if (!ended && OPENS.some((open) => start.length < open.length && open.startsWith(start))) return false;
    this.#begun = true;
    if (/^[{[]/.test(start) && !OPENS.some((open) => start.startsWith(open))) this.#enter(ALONE);
    return true;
  }

  #enter(mark: Mark): void {
    this.#inside = { mark, scanner: new CallScanner(this.#names, this.#many ? Infinity : Number(!this.#called)) };
  }

  *#noted(found: Iterable<Found>): Generator<Found> {
    for (const one of found) {
      if (one.type === 'call') this.#called = true;
      yield one;
    }
  }
}
