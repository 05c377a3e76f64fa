/** The crisis detector: separate from the emotion model, rules only, recall first. Reads all of a text, in pieces. */

import type { Crisis } from 'tara-gguf/plugin';
import { FICTION, IDIOMS, RULES, SUBJECT } from './crisis-rules.js';

/** A piece is judged alone; pieces overlap, so that no sentence is lost between two. */
const PIECE = 2000;
const OVERLAP = 400;

/** The spelling the rules are written in. */
const spell = (text: string): string =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/['\u2018\u2019\u02bc`\u00b4]/g, '')
    .replace(/[^\p{L}\p{N}.!?]+/gu, ' ');

/** Level and rules of one piece of text. Synchronous, about 0.1 ms for a short message. */
export function judge(text: string): Crisis {
  const plain = IDIOMS.reduce((rest, idiom) => rest.replace(idiom, ' '), spell(text));
  const fired = RULES.filter(({ pattern }) => pattern.test(plain));
  if (fired.length === 0) return { level: 'none', reasons: [] };
  const fiction = FICTION.test(plain);
  const subject = SUBJECT.test(plain);
  // About invented people nothing is acute, but a first person in it is worth a look; about a subject only firm rules speak.
  const heard = fired.filter(({ firm }) => firm === true || (!fiction && !subject));
  if (heard.length === 0) return { level: 'none', reasons: [] };
  const acute = !fiction && heard.some(({ level }) => level === 'acute');
  return { level: acute ? 'acute' : 'concern', reasons: [...new Set(heard.filter(({ level }) => !acute || level === 'acute').map(({ name }) => name))] };
}

/** The highest level of any piece, with its reasons. Lets the event loop breathe between the pieces of a long text. */
export async function detectCrisis(text: string): Promise<Crisis> {
  if (text.length <= PIECE) return judge(text);
  let worst: Crisis = { level: 'none', reasons: [] };
  for (let from = 0; from < text.length; from += PIECE - OVERLAP) {
    const found = judge(text.slice(from, from + PIECE));
    if (found.level === 'acute') return found;
    if (found.level === 'concern' && worst.level === 'none') worst = found;
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
  return worst;
}
