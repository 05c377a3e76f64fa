/**
 * Finds calls in an answer while it comes. Forms: `<tool_call>JSON</tool_call>` (Hermes, Qwen), `[TOOL_CALLS]JSON` (Mistral),
 * `<|python_tag|>JSON` or an answer that is JSON alone (Llama 3; Mistral where the mark is a control token, which is no text).
 * What looks like a call and is none is given as text.
 */
import type { ToolCall } from '../../engine/index.js';
import { callsIn } from './calls.js';

export type Found = { readonly text: string } | { readonly call: ToolCall };

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

/** Length of the longest end of `text` that begins a mark. */
function held(text: string): number {
  const longest = Math.max(...MARKS.map(({ open }) => open.length)) - 1;
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(-length);
    if (MARKS.some(({ open }) => open.startsWith(end))) return length;
  }
  return 0;
}

export class CallReader {
  readonly #names: ReadonlySet<string>;
  readonly #many: boolean;
  #rest = '';
  #inside: Mark | undefined;
  #begun = false;
  #calls = 0;

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
        const { close } = this.#inside;
        const at = close === null ? -1 : this.#rest.indexOf(close);
        if (at < 0 && !ended) return;
        const body = at < 0 ? this.#rest : this.#rest.slice(0, at);
        const { open } = this.#inside;
        this.#rest = at < 0 || close === null ? '' : this.#rest.slice(at + close.length);
        this.#inside = undefined;
        yield* this.#called(body, at < 0 ? `${open}${body}` : `${open}${body}${close}`);
        continue;
      }
      if (!this.#begun && !this.#begin(ended)) return;
      if (this.#inside) continue;
      const next = MARKS.map((mark) => ({ mark, at: this.#rest.indexOf(mark.open) })).filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at)[0];
      const length = next ? next.at : this.#rest.length - (ended ? 0 : held(this.#rest));
      if (length > 0) yield { text: this.#rest.slice(0, length) };
      this.#rest = this.#rest.slice(length + (next ? next.mark.open.length : 0));
      if (!next) return;
      this.#inside = next.mark;
    }
  }

  /** Whether it is known how the answer begins: one that begins as JSON may be a call and nothing else. */
  #begin(ended: boolean): boolean {
    const start = this.#rest.trimStart();
    if (start === '' && !ended) return false;
    // A bracket may be the beginning of a mark.
    if (!ended && MARKS.some(({ open }) => start.length < open.length && open.startsWith(start))) return false;
    this.#begun = true;
    if (/^[{[]/.test(start) && !MARKS.some(({ open }) => start.startsWith(open))) this.#inside = ALONE;
    return true;
  }

  *#called(body: string, written: string): Generator<Found> {
    const calls = callsIn(body.trim(), this.#names);
    if (calls === undefined) {
      if (written !== '') yield { text: written };
      return;
    }
    for (const call of calls) {
      if (!this.#many && this.#calls > 0) return;
      this.#calls += 1;
      yield { call };
    }
  }
}
