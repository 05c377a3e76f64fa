/**
 * The crisis detector: separate from the emotions, recall first. Rules read all of a text, in pieces; where there is a
 * sentence vector, a network trained on lines of danger is heard too: the higher level counts.
 */

import type { Crisis } from 'tara-gguf/plugin';
import { LEVEL_NAMES } from '../reading/model.js';
import { forward, type Network } from '../reading/network.js';
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

/** From these probabilities on the network is heard: of 700 harmless questions of the routing data it then takes 1 % for danger. */
const SURE = { acute: 0.8, noticed: 0.9 };
const [, , ...KINDS] = LEVEL_NAMES;

/** What the network makes of a sentence vector. */
function sensed(network: Network, vector: Float32Array): Crisis {
  const [none = 1, , ...kinds] = softmax(forward(network, vector));
  const acute = kinds.reduce((sum, p) => sum + p, 0);
  const kind = KINDS[kinds.indexOf(Math.max(...kinds))] ?? 'self-harm';
  if (acute >= SURE.acute) return { level: 'acute', reasons: [`${kind}:sentence`] };
  return 1 - none >= SURE.noticed ? { level: 'concern', reasons: ['self-harm:sentence'] } : { level: 'none', reasons: [] };
}

/** The highest level that the rules or, given a vector of the text, the network find, with its reasons. */
export async function detectCrisis(text: string, network?: Network, vector?: Float32Array): Promise<Crisis> {
  const ruled = await readAll(text);
  if (network === undefined || vector === undefined || ruled.level === 'acute') return ruled;
  const found = sensed(network, vector);
  return found.level === 'acute' || ruled.level === 'none' ? found : ruled;
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
