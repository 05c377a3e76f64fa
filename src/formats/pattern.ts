/**
 * Regular expressions from outside: a backtracking engine could run away on a hostile one, so they become a small automaton whose
 * states advance together (Thompson 1968) and whose work is counted. The syntax that std::regex, Python and JavaScript share,
 * without lookaround, back-references and named classes.
 */

type Node =
  | { readonly kind: 'char'; readonly test: (char: string) => boolean; next: Node | null }
  | { readonly kind: 'split'; left: Node | null; right: Node | null }
  | { readonly kind: 'start' | 'end'; next: Node | null }
  | { readonly kind: 'match' };

/** A piece of automaton: its entry, and what to do with the node that follows. */
interface Fragment {
  readonly entry: Node;
  readonly patch: (next: Node) => void;
}

/** The pattern is no regular expression of this syntax, or too long, too deep, or too much work. */
export class PatternTooComplex extends Error {}

/** State visits that are left; shared by all that belongs to one question. */
export interface Work { left: number }

const LONGEST = 1024;
const DEEPEST_GROUP = 16;
/** Characters after counted repetitions are written out. */
const MOST_ATOMS = 10_000;
/** Half a second, a thousand times what real patterns need. */
const WORK_LIMIT = 2e7;

export const someWork = (): Work => ({ left: WORK_LIMIT });

/** Throws PatternTooComplex when none is left. */
export function spend(work: Work): void {
  if (--work.left < 0) throw new PatternTooComplex();
}

const ESCAPES: Readonly<Record<string, (char: string) => boolean>> = {
  d: (char) => /\d/.test(char), D: (char) => /\D/.test(char), w: (char) => /\w/.test(char), W: (char) => /\W/.test(char),
  s: (char) => /\s/.test(char), S: (char) => /\S/.test(char),
};

class Parser {
  #at = 0;
  #depth = 0;
  #atoms = 0;

  constructor(readonly source: string) {}

  parse(): Node {
    const fragment = this.#alternatives();
    if (this.#at < this.source.length) throw new PatternTooComplex();
    fragment.patch({ kind: 'match' });
    return fragment.entry;
  }

  #peek(): string {
    return this.source[this.#at] ?? '';
  }

  #take(): string {
    return this.source[this.#at++] ?? '';
  }

  #alternatives(): Fragment {
    let result = this.#sequence();
    while (this.#peek() === '|') {
      this.#take();
      const [left, right] = [result, this.#sequence()];
      result = {
        entry: { kind: 'split', left: left.entry, right: right.entry },
        patch(next) {
          left.patch(next);
          right.patch(next);
        },
      };
    }
    return result;
  }

  #sequence(): Fragment {
    const parts: Fragment[] = [];
    while (!['', '|', ')'].includes(this.#peek())) parts.push(this.#repeated());
    return chain(parts);
  }

  #repeated(): Fragment {
    const start = this.#at;
    const part = this.#atom();
    const [least, most] = this.#times();
    // Whether a quantifier is lazy makes no difference to what it accepts.
    if ((least !== 1 || most !== 1) && this.#peek() === '?') this.#take();
    if (['*', '+', '?', '{'].includes(this.#peek())) throw new PatternTooComplex();
    const end = this.#at;
    const again = (): Fragment => {
      this.#at = start;
      const copy = this.#atom();
      this.#at = end;
      return copy;
    };
    if (most === Number.POSITIVE_INFINITY) return least === 0 ? star(part) : chain([part, ...copies(least - 1, again), star(again())]);
    if (most === 0) return nothing();
    const optional = copies(most - Math.max(least, 1), again).reduceRight<Fragment | undefined>((rest, one) => maybe(rest ? chain([one, rest]) : one), undefined);
    const first = least === 0 ? maybe(optional ? chain([part, optional]) : part) : part;
    return least === 0 ? first : chain([part, ...copies(least - 1, again), ...(optional ? [optional] : [])]);
  }

  /** How often the atom before may and must come. */
  #times(): readonly [least: number, most: number] {
    const rest = this.source.slice(this.#at);
    const [text, least, comma, most] = /^\{(\d{1,3})(,?)(\d{0,3})\}/.exec(rest) ?? [];
    if (text !== undefined) {
      const low = Number(least);
      const high = comma === '' ? low : most === '' ? Number.POSITIVE_INFINITY : Number(most);
      if (high < low || (comma === '' && most !== '')) throw new PatternTooComplex();
      this.#at += text.length;
      return [low, high];
    }
    const sign = rest[0] ?? '';
    if (!['*', '+', '?'].includes(sign)) return [1, 1];
    this.#take();
    return [sign === '+' ? 1 : 0, sign === '?' ? 1 : Number.POSITIVE_INFINITY];
  }

  #atom(): Fragment {
    if (++this.#atoms > MOST_ATOMS) throw new PatternTooComplex();
    const char = this.#take();
    switch (char) {
      case '(': return this.#group();
      case '[': return one(this.#class());
      case '.': return one(() => true);
      case '\\': return one(this.#escape());
      case '^': return assertion('start');
      case '$': return assertion('end');
      case '*': case '+': case '?': case '{': throw new PatternTooComplex();
      default: return one((other) => other === char);
    }
  }

  #group(): Fragment {
    if (++this.#depth > DEEPEST_GROUP) throw new PatternTooComplex();
    if (this.#peek() === '?') {
      this.#take();
      if (this.#take() !== ':') throw new PatternTooComplex();
    }
    const inner = this.#alternatives();
    if (this.#take() !== ')') throw new PatternTooComplex();
    this.#depth--;
    return inner;
  }

  #escape(): (char: string) => boolean {
    const char = this.#take();
    const known = ESCAPES[char];
    if (known !== undefined) return known;
    if (char === '' || /\w/.test(char)) throw new PatternTooComplex();
    return (other) => other === char;
  }

  #class(): (char: string) => boolean {
    const negated = this.#peek() === '^';
    if (negated) this.#take();
    const tests: ((char: string) => boolean)[] = [];
    while (this.#peek() !== ']' || tests.length === 0) {
      const from = this.#take();
      if (from === '' || from === '[') throw new PatternTooComplex();
      if (from === '\\') tests.push(this.#escape());
      else if (this.#peek() === '-' && ![']', '', '\\'].includes(this.source[this.#at + 1] ?? '')) {
        this.#take();
        const to = this.#take();
        tests.push((char) => char >= from && char <= to);
      } else tests.push((char) => char === from);
    }
    this.#take();
    return (char) => tests.some((test) => test(char)) !== negated;
  }
}

function one(test: (char: string) => boolean): Fragment {
  const node: Node = { kind: 'char', test, next: null };
  return { entry: node, patch: (next) => { node.next = next; } };
}

function assertion(kind: 'start' | 'end'): Fragment {
  const node: Node = { kind, next: null };
  return { entry: node, patch: (next) => { node.next = next; } };
}

/** Accepts the empty text. */
function nothing(): Fragment {
  const node: Node = { kind: 'split', left: null, right: null };
  return { entry: node, patch: (next) => { node.left = next; } };
}

const copies = (count: number, again: () => Fragment): Fragment[] => Array.from({ length: count }, again);

const chain = (parts: readonly Fragment[]): Fragment => parts.reduce((before, part) => {
  before.patch(part.entry);
  return { entry: before.entry, patch: part.patch };
}, nothing());

function star(part: Fragment): Fragment {
  const split: Node = { kind: 'split', left: part.entry, right: null };
  part.patch(split);
  return { entry: split, patch: (next) => { split.right = next; } };
}

function maybe(part: Fragment): Fragment {
  const split: Node = { kind: 'split', left: part.entry, right: null };
  return {
    entry: split,
    patch(next) {
      split.right = next;
      part.patch(next);
    },
  };
}

/** Adds a node and all it reaches without a character. */
function enter(states: Set<Node>, first: Node, at: number, length: number, work: Work): void {
  const pending: (Node | null)[] = [first];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node === null || states.has(node)) continue;
    spend(work);
    states.add(node);
    if (node.kind === 'split') pending.push(node.left, node.right);
    else if ((node.kind === 'start' && at === 0) || (node.kind === 'end' && at === length)) pending.push(node.next);
  }
}

/** A pattern that is searched for. */
export class Pattern {
  readonly #entry: Node;

  /** Throws PatternTooComplex. */
  constructor(source: string) {
    if (source.length > LONGEST) throw new PatternTooComplex();
    this.#entry = new Parser(source).parse();
  }

  /** Whether it matches anywhere in the text. Throws PatternTooComplex. */
  isIn(text: string, work: Work): boolean {
    let states = new Set<Node>();
    for (let at = 0; at <= text.length; at++) {
      enter(states, this.#entry, at, text.length, work);
      const next = new Set<Node>();
      for (const state of states) {
        if (state.kind === 'match') return true;
        spend(work);
        if (state.kind === 'char' && state.next !== null && at < text.length && state.test(text[at] ?? '')) enter(next, state.next, at + 1, text.length, work);
      }
      states = next;
    }
    return false;
  }
}
