/**
 * Hashed n-gram features: words, word pairs, words in the scope of a negation and character n-grams of 3 to 5.
 * The trainer (scripts/train-emotion.mjs) and the model share this file; changing it means training again.
 */

import { normalise, tokens } from './text.js';

/** Weight of each kind of feature before the vector is scaled to length 1. */
const WORD = 1;
const PAIR = 0.7;
const NEGATED = 0.7;
const CHARS = 0.35;
const MAX_WORD = 24;

const NEGATION = /^(?:not|no|never|nothing|nobody|none|neither|nor|without|cannot|hardly|.+n't|dont|doesnt|didnt|isnt|wasnt|cant|wont|aint)$/;
/** How many words a negation reaches. */
const NEGATION_REACH = 3;

const SEED = 0x811c9dc5;

/** FNV-1a over UTF-16 units, from a seed that keeps kinds apart. */
function hashRange(seed: number, text: string, from: number, to: number): number {
  let hash = seed;
  for (let i = from; i < to; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** The last mixing step of MurmurHash3, so that low bits depend on all. */
function mix(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A sparse vector of length 1 (or 0 for a text without words): bucket numbers and values. */
export interface Features {
  readonly buckets: ArrayLike<number>;
  readonly values: ArrayLike<number>;
}

/** Features of a text in `size` buckets; a feature that occurs twice counts once. */
export function features(text: string, size: number): Features {
  const words = tokens(normalise(text));
  const found = new Map<number, number>();
  const add = (hash: number, value: number) => {
    const bucket = mix(hash) % size;
    const known = found.get(bucket);
    if (known === undefined || known < value) found.set(bucket, value);
  };
  let previous = hashRange(SEED, '<', 0, 1);
  let negated = 0;
  for (const word of words) {
    const hash = hashRange(SEED, word, 0, word.length);
    add(hash, WORD);
    add(Math.imul(previous, 31) ^ hash, PAIR);
    previous = hash;
    if (NEGATION.test(word)) negated = NEGATION_REACH;
    else if (negated > 0) {
      add(hash ^ 0x5bd1e995, NEGATED);
      negated -= 1;
    }
    if (word.length > 2 && word.length <= MAX_WORD) {
      const padded = `<${word}>`;
      for (let n = 3; n <= 5; n += 1) {
        for (let i = 0; i + n <= padded.length; i += 1) add(hashRange(SEED ^ 0x2545f491, padded, i, i + n), CHARS);
      }
    }
  }
  add(Math.imul(previous, 31) ^ hashRange(SEED, '>', 0, 1), PAIR);
  let square = 0;
  for (const value of found.values()) square += value * value;
  const scale = words.length === 0 ? 0 : 1 / Math.sqrt(square);
  return { buckets: [...found.keys()], values: [...found.values()].map((value) => value * scale) };
}
