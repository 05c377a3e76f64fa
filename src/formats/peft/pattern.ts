/**
 * The module patterns of rank_pattern and alpha_pattern. PEFT matches a key as the regular expression
 * `^(.*\.)?(KEY)$`; a backtracking engine could run away on a hostile key, so keys become a small
 * automaton whose states advance together (Thompson 1968) and whose work is counted.
 */

/** Decides for a module path; the first pattern that matches wins, as in PEFT's get_pattern_key. */
export type PatternLookup = (module: string) => number | undefined;

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

export class PatternTooComplex extends Error {}

const NAMES_ONLY = /^[\w.-]+$/;
const LONGEST_KEY = 1024;
const DEEPEST_GROUP = 16;
/** State visits for one look-up table: half a second, a thousand times what real adapters need. */
const WORK_LIMIT = 2e7;

const ESCAPES: Readonly<Record<string, (char: string) => boolean>> = {
  d: (char) => /\d/.test(char), D: (char) => /\D/.test(char), w: (char) => /\w/.test(char), W: (char) => /\W/.test(char),
  s: (char) => /\s/.test(char), S: (char) => /\S/.test(char),
};

/** Reads the subset of regular expressions that module patterns use; anything else throws PatternTooComplex. */
class Parser {
  #at = 0;
  #depth = 0;

  constructor(readonly key: string) {}

  parse(): Node {
    const fragment = this.#alternatives();
    if (this.#at < this.key.length) throw new PatternTooComplex();
    fragment.patch({ kind: 'match' });
    return fragment.entry;
  }

  #peek(): string {
    return this.key[this.#at] ?? '';
  }

  #take(): string {
    return this.key[this.#at++] ?? '';
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
    const empty: Node = { kind: 'split', left: null, right: null };
    let result: Fragment = { entry: empty, patch: (next) => { empty.left = next; } };
    while (!['', '|', ')'].includes(this.#peek())) {
      const [before, part] = [result, this.#repeated()];
      before.patch(part.entry);
      result = { entry: before.entry, patch: part.patch };
    }
    return result;
  }

  #repeated(): Fragment {
    const part = this.#atom();
    const sign = this.#peek();
    if (!['*', '+', '?'].includes(sign)) return part;
    this.#take();
    // Whether a quantifier is lazy makes no difference to what it accepts.
    if (this.#peek() === '?') this.#take();
    if (['*', '+', '?', '{'].includes(this.#peek())) throw new PatternTooComplex();
    const split: Node = { kind: 'split', left: part.entry, right: null };
    if (sign === '?') {
      return {
        entry: split,
        patch(next) {
          split.right = next;
          part.patch(next);
        },
      };
    }
    part.patch(split);
    return { entry: sign === '*' ? split : part.entry, patch: (next) => { split.right = next; } };
  }

  #atom(): Fragment {
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
      else if (this.#peek() === '-' && ![']', '', '\\'].includes(this.key[this.#at + 1] ?? '')) {
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

interface Work { left: number }

function spend(work: Work): void {
  if (--work.left < 0) throw new PatternTooComplex();
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

/** Whether `^(.*\.)?(KEY)$` matches: the key may start at the beginning or behind any dot. */
function accepts(entry: Node, module: string, work: Work): boolean {
  let states = new Set<Node>();
  for (let at = 0; at <= module.length; at++) {
    if (at === 0 || module[at - 1] === '.') enter(states, entry, at, module.length, work);
    if (at === module.length) break;
    const next = new Set<Node>();
    for (const state of states) {
      spend(work);
      if (state.kind === 'char' && state.next !== null && state.test(module[at] ?? '')) enter(next, state.next, at + 1, module.length, work);
    }
    states = next;
  }
  return [...states].some((state) => state.kind === 'match');
}

/** A key of names alone, the usual case: a suffix in which a dot stands for any character. */
function suffixAccepts(key: string, module: string, work: Work): boolean {
  const start = module.length - key.length;
  if (start < 0 || (start > 0 && module[start - 1] !== '.')) return false;
  for (let at = key.length - 1; at >= 0; at--) {
    spend(work);
    if (key[at] !== '.' && key[at] !== module[start + at]) return false;
  }
  return true;
}

/** The look-up, which throws PatternTooComplex like this function, for a key outside the subset or too much work. */
export function patternLookup(patterns: Readonly<Record<string, number>>): PatternLookup {
  const work: Work = { left: WORK_LIMIT };
  const compiled = Object.entries(patterns).map(([key, value]) => {
    if (NAMES_ONLY.test(key)) return { value, matches: (module: string) => suffixAccepts(key, module, work) };
    if (key.length > LONGEST_KEY) throw new PatternTooComplex();
    const entry = new Parser(key).parse();
    return { value, matches: (module: string) => accepts(entry, module, work) };
  });
  return (module) => compiled.find((pattern) => {
    spend(work);
    return pattern.matches(module);
  })?.value;
}
