/** The module patterns of rank_pattern and alpha_pattern, matched as PEFT does and without a regular expression that could run away. */

/** Decides for a module path; first entry that matches wins, as in PEFT's get_pattern_key. */
export type PatternLookup = (module: string) => number | undefined;

interface Pattern {
  readonly value: number;
  matches(module: string): boolean;
}

const LITERAL = /^[\w.-]+$/;
/** Literals, escapes, classes, dots and groups; a quantifier only behind a single character. */
const PIECE = String.raw`(?:[\w-]|\\[.dwDW-]|\[\^?[\w-]+\]|\.)[*+?]?`;
const SIMPLE = new RegExp(String.raw`^(?:${PIECE}|\((?:\?:)?|\)(?![*+?])|\|)+$`);
const LONGEST_PATTERN = 512;
const LONGEST_MODULE = 512;

/** PEFT reads a key as the regular expression `^(.*\.)?(KEY)$`; for names alone that is a suffix in which a dot stands for any character. */
function literal(key: string, value: number): Pattern {
  return {
    value,
    matches(module) {
      const start = module.length - key.length;
      if (start < 0 || (start > 0 && module[start - 1] !== '.')) return false;
      for (let at = key.length - 1; at >= 0; at--) {
        if (key[at] !== '.' && key[at] !== module[start + at]) return false;
      }
      return true;
    },
  };
}

function compile(key: string, value: number): Pattern | undefined {
  if (LITERAL.test(key)) return literal(key, value);
  // One unbounded quantifier beside the prefix keeps matching below quadratic.
  if (key.length > LONGEST_PATTERN || !SIMPLE.test(key) || (key.match(/[*+]/g) ?? []).length > 1) return undefined;
  try {
    const expression = new RegExp(`^(?:.*\\.)?(?:${key})$`);
    return { value, matches: (module) => module.length <= LONGEST_MODULE && expression.test(module) };
  } catch {
    return undefined;
  }
}

/** The look-up, or the key of a pattern that is too complex to match safely. */
export function patternLookup(patterns: Readonly<Record<string, number>>): PatternLookup | { readonly unsupported: string } {
  const compiled: Pattern[] = [];
  for (const [key, value] of Object.entries(patterns)) {
    const pattern = compile(key, value);
    if (pattern === undefined) return { unsupported: key };
    compiled.push(pattern);
  }
  return (module) => compiled.find((pattern) => pattern.matches(module))?.value;
}
