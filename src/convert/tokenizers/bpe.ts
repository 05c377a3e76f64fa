/** Byte-level BPE: tokenizer.json, or vocab.json with merges.txt as older checkpoints have them. */
import { join } from 'node:path';
import type { MetadataEntry } from '../../plan/schema.js';
import { text } from '../entries.js';
import { isRecord, type Json } from '../checkpoint/files.js';
import { tokenizerClass } from './added.js';
import { assembledBpe, mergeLines } from './assembled.js';
import { baseVocabulary } from './base-vocabulary.js';
import type { TokenizerRequest } from './request.js';
import { namedPretokenizer, recognisePretokenizer } from './pretokenizer.js';
import { invalidTokenizer, tokenizerText } from './source.js';
import { specialEntries } from './special.js';
import { vocabularyEntries } from './vocabulary.js';

const byteLevelSpaces = (part: string): string => (part.includes(' ') ? part.replaceAll(' ', 'Ġ') : part);

/** Merges as "a b"; a space inside a part is written as byte-level BPE writes it. */
function mergesOf(path: string, model: Json): string[] {
  const merges: unknown = model['merges'] ?? [];
  const malformed = () => invalidTokenizer(path, 'merges must be a list of "a b" or ["a", "b"]');
  if (!Array.isArray(merges)) throw malformed();
  return merges.map((merge: unknown) => {
    if (typeof merge === 'string') return merge;
    const [a, b]: unknown[] = Array.isArray(merge) && merge.length === 2 ? merge : [];
    if (typeof a !== 'string' || typeof b !== 'string') throw malformed();
    return `${byteLevelSpaces(a)} ${byteLevelSpaces(b)}`;
  });
}

/**
 * The tokenizer keys of a BPE checkpoint, or undefined where it has none. Throws TARA_TOKENIZER_INVALID,
 * TARA_PRETOKENIZER_UNKNOWN, TARA_PRETOKENIZER_MISMATCH.
 */
export async function bpeEntries({ files, config, vocabSize, blobs, pre }: TokenizerRequest): Promise<MetadataEntry[] | undefined> {
  const className = tokenizerClass(files, config.find('model_type'));
  const tokenizer = files.tokenizer ?? (await assembledBpe(files, className));
  if (!tokenizer) return undefined;
  const path = join(files.dir, files.tokenizer ? 'tokenizer.json' : 'vocab.json');
  const model = tokenizer['model'];
  if (!isRecord(model)) throw invalidTokenizer(path, 'model must be an object');
  if (model['type'] !== 'BPE' && model['type'] !== undefined) throw invalidTokenizer(path, `its model is ${JSON.stringify(model['type'])}, this architecture needs BPE`);
  const vocabulary = baseVocabulary(path, tokenizer, files, className, vocabSize);
  const listed = mergesOf(path, model);
  const merges = listed.length > 0 ? listed : mergeLines((await tokenizerText(files.dir, 'merges.txt')) ?? '');
  return [
    text('tokenizer.ggml.model', 'gpt2'),
    text('tokenizer.ggml.pre', pre === undefined ? recognisePretokenizer(path, tokenizer) : namedPretokenizer(pre)),
    ...vocabularyEntries(blobs, vocabulary, false),
    ...(await specialEntries(files, { blobs, merges })),
  ];
}
