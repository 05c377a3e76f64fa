/**
 * The crisis detector: separate from the emotions, recall first. Rules read all of a text, in pieces; models trained on
 * lines of danger, of words and, where there is a sentence vector, of sentences, are heard too: the highest level counts.
 */

import type { Crisis } from 'tara-gguf/plugin';
import { linearLogits } from '../reading/linear.js';
import { LEVEL_NAMES, type EmotionModel } from '../reading/model.js';
import { forward } from '../reading/network.js';
import { softmax } from '../reading/numbers.js';
import { FICTION, IDIOMS, RULES, SUBJECT } from './rules.js';

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

/** From these probabilities on a model is heard; chosen on sets that it was not trained on, for few false alarms. */
const SURE = { words: { acute: 0.5, noticed: 0.6 }, sentence: { acute: 0.5, noticed: 0.6 } };
const [, , ...KINDS] = LEVEL_NAMES;

/** What a model makes of a text, from its logits of the levels. */
function sensed(logits: ArrayLike<number>, by: keyof typeof SURE): Crisis {
  const [none = 1, , ...kinds] = softmax(logits);
  const acute = kinds.reduce((sum, p) => sum + p, 0);
  const kind = KINDS[kinds.indexOf(Math.max(...kinds))] ?? 'self-harm';
  if (acute >= SURE[by].acute) return { level: 'acute', reasons: [`${kind}:${by}`] };
  return 1 - none >= SURE[by].noticed ? { level: 'concern', reasons: [`self-harm:${by}`] } : { level: 'none', reasons: [] };
}

const RANK = { none: 0, concern: 1, acute: 2 } as const;

/**
 * The highest level that the rules or a model find, with its reasons. Without a model only the rules speak; the network
 * needs `vector`, the text's embedding. Neither model is asked about invented people or a subject.
 */
export async function detectCrisis(text: string, model?: Pick<EmotionModel, 'crisis' | 'head'>, vector?: Float32Array): Promise<Crisis> {
  const ruled = await readAll(text);
  if (model === undefined || ruled.level === 'acute' || !personal(text)) return ruled;
  const words = linearLogits(model.crisis, text);
  const heard = [ruled, ...(words === null ? [] : [sensed(words, 'words')]), ...(model.head === null || vector === undefined ? [] : [sensed(forward(model.head.crisis, vector), 'sentence')])];
  return heard.reduce((worst, found) => (RANK[found.level] > RANK[worst.level] ? found : worst));
}

/** Whether a text speaks of the real people around its writer. */
function personal(text: string): boolean {
  const plain = spell(text.slice(0, PIECE));
  return !FICTION.test(plain) && !SUBJECT.test(plain);
}

/** The highest level of any piece, with its reasons. Lets the event loop breathe between the pieces of a long text. */
async function readAll(text: string): Promise<Crisis> {
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
