/**
 * Reads the JSON of calls while it comes: one object, or a list of them. A name is told as soon as it is known, arguments as they are
 * written; a call in another order (its arguments first, or as JSON text) is told when it is whole.
 */
import { newId } from '../ids.js';
import { callIn } from './calls.js';

export type Found =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'call'; readonly id: string; readonly name: string }
  /** More of the last call's arguments: JSON text, as the model wrote it. */
  | { readonly type: 'arguments'; readonly text: string }
  /** The last call's arguments are whole. */
  | { readonly type: 'called' };

/** A call up to its arguments, where its name comes before them. */
const HEAD = /^\{(?:\s*"(?:id|type)"\s*:\s*"[^"\\]*"\s*,)*\s*"name"\s*:\s*"([^"\\]+)"\s*,\s*"(?:arguments|parameters)"\s*:\s*$/;

/** What a list of calls has between them, and a brace too many. */
const PUNCTUATION = /^[\s,[\]}]*$/;

export class CallScanner {
  readonly #names: ReadonlySet<string> | undefined;
  readonly #most: number;
  /** All that was read, in case it is no call. */
  #read = '';
  /** The object under way, up to its arguments. */
  #head = '';
  /** What stands beside calls. */
  #stray = '';
  /** Brackets open in the object under way; 0 between objects. */
  #depth = 0;
  #inText = false;
  #escaped = false;
  #state: 'head' | 'arguments' | 'told' = 'head';
  #calls = 0;

  /** Names that may be called, all where there are none given; how many calls to tell, others are left out. */
  constructor(names: ReadonlySet<string> | undefined, most = Infinity) {
    this.#names = names;
    this.#most = most;
  }

  *read(piece: string): Generator<Found> {
    this.#read += piece;
    let written = '';
    for (const char of piece) {
      if (this.#depth === 0 && char !== '{') {
        this.#stray += char;
        continue;
      }
      const before = this.#depth;
      this.#step(char);
      if (this.#state === 'head' && char === '{' && before === 1 && this.#depth === 2) yield* this.#begin();
      if (this.#state === 'head') this.#head += char;
      if (this.#state === 'arguments') {
        written += char;
        if (this.#depth === 1) {
          yield* this.#told([{ type: 'arguments', text: written }, { type: 'called' }]);
          written = '';
          this.#state = 'told';
        }
      }
      if (this.#depth === 0) yield* this.#close();
    }
    if (written !== '') yield* this.#told([{ type: 'arguments', text: written }]);
  }

  /** What is left when nothing more comes; `open` and `close` stood around it. */
  *end(open: string, close: string): Generator<Found> {
    const text = this.#calls === 0 ? `${open}${this.#read}${close}` : `${this.#stray}${this.#head}`;
    if (text !== '' && (this.#calls === 0 || !PUNCTUATION.test(text))) yield { type: 'text', text };
  }

  #step(char: string): void {
    if (this.#inText) {
      if (char === '"' && !this.#escaped) this.#inText = false;
      this.#escaped = char === '\\' && !this.#escaped;
    } else if (char === '"') this.#inText = true;
    else if (char === '{' || char === '[') this.#depth += 1;
    else if (char === '}' || char === ']') this.#depth -= 1;
  }

  *#begin(): Generator<Found> {
    const name = HEAD.exec(this.#head)?.[1];
    if (name === undefined || !this.#isNamed(name)) return;
    this.#state = 'arguments';
    this.#head = '';
    this.#calls += 1;
    yield* this.#told([{ type: 'call', id: newId('call'), name }]);
  }

  *#close(): Generator<Found> {
    const call = this.#state === 'head' ? callIn(this.#head) : undefined;
    if (call && this.#isNamed(call.name)) {
      this.#calls += 1;
      yield* this.#told([{ type: 'call', id: newId('call'), name: call.name }, { type: 'arguments', text: call.arguments }, { type: 'called' }]);
    } else this.#stray += this.#head;
    this.#state = 'head';
    this.#head = '';
  }

  #isNamed(name: string): boolean {
    return this.#names?.has(name) ?? true;
  }

  /** Nothing of a call beyond the most. */
  #told(found: readonly Found[]): readonly Found[] {
    return this.#calls > this.#most ? [] : found;
  }
}
