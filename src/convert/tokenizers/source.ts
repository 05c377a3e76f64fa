/** The tokenizer files of a folder, each read once. */
import { join } from 'node:path';
import { isRecord, readObject, readText, type Json } from '../files.js';

export interface TokenizerFiles {
  readonly dir: string;
  /** The file that `tokenizer` came from, for errors. */
  readonly path: string;
  /** tokenizer.json, or vocab.json and merges.txt in its form. */
  readonly tokenizer: Json | undefined;
  readonly tokenizerConfig: Json | undefined;
}

const SPECIAL_NAMES = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'] as const;

/** The special tokens that tokenizer_config.json names. */
export function namedSpecials(tokenizerConfig: Json | undefined): string[] {
  const more = tokenizerConfig?.['additional_special_tokens'] ?? tokenizerConfig?.['extra_special_tokens'];
  const values: unknown[] = [...SPECIAL_NAMES.map((kind) => tokenizerConfig?.[`${kind}_token`]), ...(Array.isArray(more) ? (more as unknown[]) : [])];
  return values.map((value) => (isRecord(value) ? value['content'] : value)).filter((value): value is string => typeof value === 'string' && value !== '');
}

/** The lines of a merges.txt that are merges. */
export const mergeLines = (content: string): string[] => {
  const lines = content.split(/\r?\n/);
  return (lines[0]?.startsWith('#') ? lines.slice(1) : lines).map((line) => line.trim()).filter((line) => line.split(/\s+/).length === 2);
};

/** A tokenizer.json for a folder that has only vocab.json and merges.txt: GPT-2's splitting. */
async function assemble(dir: string, tokenizerConfig: Json | undefined): Promise<Json | undefined> {
  const [vocab, merges] = [await readObject(dir, 'vocab.json'), await readText(dir, 'merges.txt')];
  if (!vocab || merges === undefined) return undefined;
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const specials = new Set(['<|endoftext|>', ...namedSpecials(tokenizerConfig)]);
  const known = new Map(Object.entries((await readObject(dir, 'added_tokens.json')) ?? {}));
  for (const content of specials) if (Object.hasOwn(vocab, content) && !known.has(content)) known.set(content, vocab[content]);
  return {
    model: { type: 'BPE', vocab, merges: mergeLines(merges) },
    added_tokens: [...known].map(([content, id]) => ({ id, content, special: specials.has(content), normalized: !specials.has(content) })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
  };
}

export async function tokenizerFiles(dir: string): Promise<TokenizerFiles> {
  const [tokenizer, tokenizerConfig] = await Promise.all([readObject(dir, 'tokenizer.json'), readObject(dir, 'tokenizer_config.json')]);
  if (tokenizer) return { dir, path: join(dir, 'tokenizer.json'), tokenizer, tokenizerConfig };
  return { dir, path: join(dir, 'vocab.json'), tokenizer: await assemble(dir, tokenizerConfig), tokenizerConfig };
}
