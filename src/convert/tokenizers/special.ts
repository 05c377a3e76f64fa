/**
 * Special tokens, whether to add them, merges and chat templates, collected from tokenizer.json,
 * tokenizer_config.json, the chat template files and config.json as gguf-py's SpecialVocab collects them.
 */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Blobs, MetadataEntry } from '../../plan/schema.js';
import { flag, stringArray, text, u32 } from '../entries.js';
import { isRecord, readObject, type Json } from '../checkpoint/files.js';
import { invalidTokenizer, tokenizerObject, tokenizerText, type TokenizerFiles } from './source.js';

/** Kinds of special tokens and the key that holds their id; cls has none. */
const ID_KEYS: Readonly<Record<string, string | undefined>> = {
  bos: 'tokenizer.ggml.bos_token_id',
  eos: 'tokenizer.ggml.eos_token_id',
  unk: 'tokenizer.ggml.unknown_token_id',
  sep: 'tokenizer.ggml.seperator_token_id',
  pad: 'tokenizer.ggml.padding_token_id',
  mask: 'tokenizer.ggml.mask_token_id',
  eot: 'tokenizer.ggml.eot_token_id',
  eom: 'tokenizer.ggml.eom_token_id',
};
const ADD_KEYS: Readonly<Record<string, string | undefined>> = {
  bos: 'tokenizer.ggml.add_bos_token',
  eos: 'tokenizer.ggml.add_eos_token',
  sep: 'tokenizer.ggml.add_sep_token',
};
const KINDS = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'] as const;

/** Some checkpoints mark tokens that must be control tokens as ordinary ones. */
export const looksSpecial = (token: string): boolean =>
  ['<pad>', '<mask>', '<2mass>', '[@BOS@]'].includes(token) ||
  (token.startsWith('<|') && token.endsWith('|>')) ||
  (token.startsWith('<｜') && token.endsWith('｜>')) ||
  (token.startsWith('<unused') && token.endsWith('>'));

export interface SpecialOptions {
  readonly blobs: Blobs;
  /** Ids at or above it are left out. */
  readonly vocabSize?: number;
  readonly merges?: readonly string[];
}

/** What the files say, while they are read. */
interface Found {
  readonly ids: Map<string, number>;
  readonly add: Map<string, boolean>;
  readonly kinds: string[];
  lowercase: boolean | undefined;
  stripAccents: boolean | undefined;
}

const records = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isRecord) : []);
const contentOf = (token: unknown): unknown => (isRecord(token) ? token['content'] : token);
const specialId = (item: Json | undefined): unknown => (isRecord(item?.['SpecialToken']) ? item['SpecialToken']['id'] : undefined);
const sequenceId = (item: Json | undefined): unknown => (isRecord(item?.['Sequence']) ? item['Sequence']['id'] : undefined);

const booleanOf = (value: unknown): boolean | undefined => (typeof value === 'boolean' ? value : undefined);

/** Python's truth of a value that JSON can hold. */
const isSet = (value: unknown): boolean => value != null && value !== '' && value !== false && value !== 0;

function readNormalizer(normalizer: unknown, found: Found): void {
  if (!isRecord(normalizer)) return;
  if (normalizer['type'] === 'Lowercase') found.lowercase = true;
  else if (normalizer['type'] === 'StripAccents') found.stripAccents = true;
  else if (normalizer['type'] === 'BertNormalizer') {
    if ('lowercase' in normalizer) found.lowercase = booleanOf(normalizer['lowercase']);
    if ('strip_accents' in normalizer) found.stripAccents = booleanOf(normalizer['strip_accents']);
  } else if (normalizer['type'] === 'Sequence') for (const part of records(normalizer['normalizers'])) readNormalizer(part, found);
}

/** Reads what a TemplateProcessing adds, and completes `config`, a copy of tokenizer_config.json, by what it shows. */
function readTemplate(processor: Json, config: Record<string, unknown> | undefined, found: Found): void {
  const named = (kind: string): unknown => config?.[`${kind}_token`];
  const set = (kind: string, token: unknown): void => {
    if (config) config[`${kind}_token`] = token;
  };
  let [bos, cls, eos] = [named('bos'), named('cls'), named('eos')];
  const sep = named('sep');
  const single = records(processor['single']);
  let [first, last]: unknown[] = [];
  if (single.length > 1) {
    first = specialId(single[0]);
    if (isSet(first)) {
      if (!config) bos = first;
      else if (first !== bos && first !== cls) {
        if (!isSet(bos)) set('bos', (bos = first));
        if (!isSet(cls)) set('cls', (cls = first));
      }
      found.add.set('bos', first === bos || first === cls);
    }
    last = specialId(single.at(-1));
    if (isSet(last)) {
      if (!config) eos = last;
      else if (last !== eos) {
        const free = ['eot', 'eom'].find((kind) => !found.kinds.includes(kind));
        if (free !== undefined) {
          found.kinds.push(free);
          set(free, eos);
        }
        set('eos', (eos = last));
      }
      found.add.set('eos', last === eos);
    }
  }
  let pair = records(processor['pair']);
  if (pair.length === 0) return;
  const start = isSet(first) && specialId(pair[0]) === first ? 1 : 0;
  const stop = isSet(last) && specialId(pair.at(-1)) === last ? pair.length - 1 : pair.length;
  pair = pair.slice(start, stop);
  const [between, a, b] = [pair.slice(1, -1), sequenceId(pair[0]), sequenceId(pair.at(-1))];
  if (a !== 'A' || b !== 'B' || between.length === 0) return;
  let addSep = false;
  const separator = specialId(between[0]);
  if ((separator === sep || separator === eos) && isSet(separator) && !isSet(last)) addSep = true;
  if (between.length === 2) {
    const second = specialId(between[1]);
    if (isSet(second) && (second === sep || second === eos)) addSep = true;
  }
  found.add.set('sep', addSep);
  if (addSep && !isSet(sep)) set('sep', eos);
}

function readPostProcessor(tokenizer: Json, config: Record<string, unknown> | undefined, found: Found): void {
  if (config) {
    if (!isSet(config['bos_token']) && isSet(config['cls_token'])) config['bos_token'] = config['cls_token'];
    if (!isSet(config['eos_token']) && isSet(config['sep_token'])) config['eos_token'] = config['sep_token'];
  }
  const processor = tokenizer['post_processor'];
  if (!isRecord(processor)) return;
  for (const part of 'processors' in processor ? records(processor['processors']) : [processor]) {
    if (part['type'] === 'RobertaProcessing') {
      for (const kind of ['bos', 'eos', 'sep']) found.add.set(kind, true);
      for (const kind of ['cls', 'sep']) {
        const token = part[kind];
        if (config && !isSet(config[`${kind}_token`])) config[`${kind}_token`] = Array.isArray(token) ? token[0] : undefined;
      }
    } else if (part['type'] === 'TemplateProcessing') readTemplate(part, config, found);
  }
}

/** The template of chat_template.jinja (with additional_chat_templates/*.jinja) or chat_template.json. */
async function templateBeside(dir: string): Promise<unknown> {
  const jinja = await tokenizerText(dir, 'chat_template.jinja');
  if (jinja === undefined) return (await tokenizerObject(dir, 'chat_template.json'))?.['chat_template'];
  const folder = 'additional_chat_templates';
  const names = await readdir(join(dir, folder)).catch(() => []);
  const more = names.filter((name) => name.endsWith('.jinja')).sort();
  if (more.length === 0) return jinja;
  const read = async (name: string) => ({ name: basename(name, '.jinja'), template: (await tokenizerText(dir, `${folder}/${name}`)) ?? '' });
  return [{ name: 'default', template: jinja }, ...(await Promise.all(more.map(read)))];
}

function templateEntries(template: unknown, blobs: Blobs): MetadataEntry[] {
  if (typeof template === 'string') return [text('tokenizer.chat_template', template)];
  const named = records(template).flatMap(({ name, template: content }) =>
    typeof name === 'string' && name !== '' && typeof content === 'string' ? [{ name: name.replace(/[^a-zA-Z0-9]/gu, '_'), content }] : [],
  );
  const others = named.filter(({ name }) => name !== 'default');
  const plain = named.findLast(({ name }) => name === 'default');
  return [
    ...others.map(({ name, content }) => text(`tokenizer.chat_template.${name}`, content)),
    ...(others.length > 0 ? [stringArray(blobs, 'tokenizer.chat_templates', [...new Set(others.map(({ name }) => name))].sort())] : []),
    ...(plain ? [text('tokenizer.chat_template', plain.content)] : []),
  ];
}

/** The special-token keys of a checkpoint, in the reference's order. Throws TARA_TOKENIZER_INVALID. */
export async function specialEntries({ dir, tokenizer, config: named }: TokenizerFiles, options: SpecialOptions): Promise<MetadataEntry[]> {
  const { blobs, vocabSize = Number.POSITIVE_INFINITY, merges = [] } = options;
  const found: Found = { ids: new Map(), add: new Map(), kinds: [...KINDS], lowercase: undefined, stripAccents: undefined };
  const setId = (kind: string, id: unknown): void => {
    if (typeof id !== 'number' || !Number.isInteger(id)) return;
    if (id < 0 || id > 0xffffffff) throw invalidTokenizer(dir, `${kind}_token_id is ${id}`);
    if (id < vocabSize && !found.ids.has(kind)) found.ids.set(kind, id);
  };
  const config = named && { ...named };
  if (tokenizer) {
    readNormalizer(tokenizer['normalizer'], found);
    readPostProcessor(tokenizer, config, found);
  }
  let template: unknown;
  if (config && Object.keys(config).length > 0) {
    const added = records(tokenizer?.['added_tokens']);
    template = 'chat_template' in config ? config['chat_template'] : await templateBeside(dir);
    for (const kind of found.kinds) {
      const add = config[`add_${kind}_token`];
      if (typeof add === 'boolean') found.add.set(kind, add);
      const content = contentOf(config[`${kind}_token`]);
      if (typeof content === 'string') setId(kind, added.find((token) => token['content'] === content)?.['id']);
    }
  }
  const model = await readObject(dir, 'config.json');
  const inner = isRecord(model?.['text_config']) ? model['text_config'] : {};
  for (const kind of found.kinds) setId(kind, model?.[`${kind}_token_id`] ?? inner[`${kind}_token_id`]);

  const known = <T>(map: Map<string, T>, keys: Readonly<Record<string, string | undefined>>, make: (key: string, value: T) => MetadataEntry) =>
    [...map].flatMap(([kind, value]) => (keys[kind] === undefined ? [] : [make(keys[kind], value)]));
  return [
    ...(merges.length > 0 ? [stringArray(blobs, 'tokenizer.ggml.merges', merges)] : []),
    ...known(found.ids, ID_KEYS, u32),
    ...known(found.add, ADD_KEYS, flag),
    ...templateEntries(template, blobs),
    ...(found.lowercase === undefined ? [] : [flag('tokenizer.ggml.normalizer.lowercase', found.lowercase)]),
    ...(found.stripAccents === undefined ? [] : [flag('tokenizer.ggml.normalizer.strip_accents', found.stripAccents)]),
  ];
}
