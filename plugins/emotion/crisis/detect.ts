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

/** How much each model's logits count where both have read a text; with words alone these count fully. */
const SHARE = { words: 0.2, sentence: 0.8 };
/**
 * From these probabilities of danger on a model is heard. Chosen by cross-validation over groups of training lines that
 * were written apart, for false alarms of about 5 %.
 */
const HEARD = { words: 0.7, sentence: 0.6 };
/** A rule is not believed where danger is less probable; words alone know too little to doubt an acute one. */
const DOUBTED = { words: { none: 0, concern: 0.2, acute: 0 }, sentence: { none: 0, concern: 0.2, acute: 0.02 } };
/** In longer texts one sentence of danger may be lost on the models: there no rule is doubted. */
const OVERSEEN = 280;
const [, , ...KINDS] = LEVEL_NAMES;

type Models = Pick<EmotionModel, 'crisis' | 'head'>;

interface Opinion {
  /** Probability of concern or worse. */
  readonly danger: number;
  readonly found: Crisis;
  readonly by: keyof typeof HEARD;
}

/** What the models make of a text; null for a text without words. */
function opinionOf({ crisis, head }: Models, text: string, vector: Float32Array | undefined): Opinion | null {
  const words = linearLogits(crisis, text);
  if (words === null) return null;
  const sentence = head === null || vector === undefined ? undefined : forward(head.crisis, vector);
  const [none = 1, , ...kinds] = softmax(sentence === undefined ? words : words.map((logit, level) => SHARE.words * logit + SHARE.sentence * (sentence[level] ?? 0)));
  const by = sentence === undefined ? 'words' : 'sentence';
  const acute = kinds.reduce((sum, p) => sum + p, 0);
  const reasons = [`${KINDS[kinds.indexOf(Math.max(...kinds))] ?? 'self-harm'}:${by}`];
  const found: Crisis = acute >= HEARD[by] ? { level: 'acute', reasons } : 1 - none >= HEARD[by] ? { level: 'concern', reasons } : { level: 'none', reasons: [] };
  return { danger: 1 - none, found, by };
}

const RANK = { none: 0, concern: 1, acute: 2 } as const;

/**
 * The highest level that the rules or the models find, with its reasons. Without models only the rules speak; `vector` is
 * what the head's embedding model makes of the text. Of invented people or a subject the models may doubt a rule, but find nothing.
 */
export async function detectCrisis(text: string, models?: Models, vector?: Float32Array): Promise<Crisis> {
  const ruled = await readAll(text);
  const opinion = models === undefined ? null : opinionOf(models, text, vector);
  if (opinion === null) return ruled;
  const { danger, found, by } = opinion;
  if (danger < DOUBTED[by][ruled.level] && text.length <= OVERSEEN) return found;
  return RANK[found.level] > RANK[ruled.level] && personal(text) ? found : ruled;
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
