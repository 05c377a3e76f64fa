/**
 * The module patterns of rank_pattern and alpha_pattern. PEFT matches a key as the regular expression `^(.*\.)?(KEY)$`: at the end of
 * the path, behind its beginning or a dot.
 */
import { Pattern, someWork, spend, type Work } from '../pattern.js';

export { PatternTooComplex } from '../pattern.js';

/** Decides for a module path; the first pattern that matches wins, as in PEFT's get_pattern_key. */
export type PatternLookup = (module: string) => number | undefined;

const NAMES_ONLY = /^[\w.-]+$/;

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

/** The look-up, which throws PatternTooComplex like this function, for a key outside the syntax or too much work. */
export function patternLookup(patterns: Readonly<Record<string, number>>): PatternLookup {
  const work = someWork();
  const compiled = Object.entries(patterns).map(([key, value]) => {
    if (NAMES_ONLY.test(key)) return { value, matches: (module: string) => suffixAccepts(key, module, work) };
    const pattern = new Pattern(`(?:^|\\.)(?:${key})$`);
    return { value, matches: (module: string) => pattern.isIn(module, work) };
  });
  return (module) => compiled.find((pattern) => {
    spend(work);
    return pattern.matches(module);
  })?.value;
}
