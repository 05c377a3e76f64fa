/** Whether a message goes on with what was talked about before: short, and leaning on it. */

const LONGEST = 9;
const OPENING = /^(?:and|but|so|or|also|then|why|how come|what about|how about|what if|ok(?:ay)? (?:and|but|so|then|now)|same for|more|another|again|which one|are you sure|really|go on|continue|tell me more|can you (?:explain|elaborate|shorten|repeat)|for (?:a|the|my)?\s*(?:child|children|kids|adults|beginners))\b/i;
const LEANING = /\b(?:it|its|that|this|those|these|them|they|one|ones|instead|too|as well|the (?:first|second|third|last|other|same)(?: one)?|either|both|else)\b/i;

/** How strongly, 0..1: an opening word or a pronoun alone is weak, in a short message with both it is strong. */
export function followUpOf(text: string): number {
  const words = text.trim().split(/\s+/).filter((word) => word !== '');
  if (words.length === 0 || words.length > LONGEST) return 0;
  const trimmed = text.trim();
  return (OPENING.test(trimmed) ? 0.7 : 0) + (LEANING.test(trimmed) ? 0.3 : 0);
}
