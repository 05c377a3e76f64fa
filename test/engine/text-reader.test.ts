/** What happens to a text before llama.cpp tokenizes it. The normalisers' truth: BertNormalizer of tokenizers 0.23 and sentencepiece 0.2.3. */
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { bertNormalizer } from '../../src/engine/bert-normalizer.js';
import { isNormalized, sentencePieceNormalizer } from '../../src/engine/sentencepiece-normalizer.js';
import { textReader, type TextReader } from '../../src/engine/text-reader.js';
import { readGguf } from '../../src/formats/index.js';
import { END_OF_TEXT, IM_END, writeTinyModel } from '../support/tiny-model.js';
import { temporaryFolder } from './setup.js';

const folder = temporaryFolder();
let reader: TextReader;
beforeAll(async () => {
  reader = textReader(await readGguf(await writeTinyModel(join(folder.path, 'tiny.gguf'))));
});

describe('control tokens in a text', () => {
  const mark = (id: number): Buffer => Buffer.from([0xff, id, 0, 0, 0]);

  it('stand for themselves where they are asked for', () => {
    expect(reader.findsSpecials).toBe(true);
    expect(Buffer.from(reader.read('é<|im_end|><|endoftext|> x', true))).toEqual(Buffer.concat([Buffer.from('é'), mark(IM_END), mark(END_OF_TEXT), Buffer.from(' x')]));
    expect(Buffer.from(reader.read('é<|im_end|>', false))).toEqual(Buffer.from('é<|im_end|>'));
    expect(Buffer.from(reader.read('<|im_end|', true))).toEqual(Buffer.from('<|im_end|'));
    expect(reader.read('', true)).toHaveLength(0);
  });

  it('never come from anything but their own text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      const bytes = Buffer.from(reader.read(text, true));
      expect(bytes.includes(0xff)).toBe(/<\|(endoftext|im_start|im_end)\|>/.test(text));
    }));
  });
});

describe('BERT', () => {
  const uncased = bertNormalizer({ lowercase: true, stripAccents: true });
  it.each([
    ['Café ÀÉ', 'cafe ae'], ['İstanbul', 'istanbul'], ['ΟΔΟΣ', 'οδοσ'], ['a\u0000b\u0007c\ufffd', 'abc'], ['a\tb\u200bc', 'a\tbc'], ['漢字a', ' 漢  字 a'], ['हिन्दी', 'हिनदी'], ['한', '\u1112\u1161\u11ab'], ['1\ufe0f\u20e3', '1\u20e3'],
  ])('%j', (text, expected) => expect(uncased(text)).toBe(expected));

  it('makes a word of more than 100 characters unknown, and no shorter one', () => {
    expect(uncased('a'.repeat(100))).toBe('a'.repeat(100));
    expect(uncased(`${'a'.repeat(101)}, b`)).toBe('\u{14646}, b');
    expect(bertNormalizer({ lowercase: false, stripAccents: false })('Éa')).toBe('Éa');
  });
});

describe('SentencePiece', () => {
  it.each([
    ['  a  \n b ', 'a b'], ['ﬁ½', 'fi1⁄2'], ['e\u0301', 'é'], ['a\u0308\u0323', 'ä\u0323'], ['ﬁ\u0308', 'fi\u0308'], ['ㄱ\u1161', '가'], ['～', '～'], ['a\u0007b\u200dc', 'ab\u200dc'], ['▁', ''], ['\u0001', ''],
  ])('%j', (text, expected) => expect(sentencePieceNormalizer(text)).toBe(expected));

  it('is told by the pieces', () => {
    expect(isNormalized(['▁the', 'ing', '漢', 'é'])).toBe(true);
    for (const piece of ['▁▁', '\n', '²', 'ﬁ', 'e\u0301', '\t']) expect(isNormalized(['▁the', piece]), JSON.stringify(piece)).toBe(false);
    expect(isNormalized([])).toBe(false);
  });
});
