/** Special tokens of a model folder: the pad token that is missing, and tokenizer_config.json where it is. */
import { familyOf } from './architecture.js';
import { isObject, type JsonObject } from './json-text.js';
import type { Vocabulary } from './vocabulary.js';

/** The JSON files that speak of special tokens, as far as they are there. */
export interface TokenFiles {
  readonly config: JsonObject | undefined;
  readonly generation: JsonObject | undefined;
  readonly tokenizer: JsonObject | undefined;
  readonly specialMap: JsonObject | undefined;
}

/** The text of a token as tokenizer_config.json writes it: a string, or an object with `content`. */
export function tokenText(value: unknown): string | undefined {
  const text = isObject(value) ? value.content : value;
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/** The first id of a field; -1 and null count as missing. */
export function tokenId(value: unknown): number | undefined {
  const id: unknown = Array.isArray(value) ? value[0] : value;
  return typeof id === 'number' && Number.isSafeInteger(id) && id >= 0 ? id : undefined;
}

/** A token as far as it is known. */
export interface KnownToken {
  readonly id: number | undefined;
  readonly text: string | undefined;
}

/** Looks tokens up in the vocabulary and in added_tokens_decoder. */
export class Tokens {
  constructor(readonly vocabulary: Vocabulary | undefined, readonly files: TokenFiles) {}

  textOf(id: number | undefined): string | undefined {
    if (id === undefined) return undefined;
    const decoder = this.files.tokenizer?.added_tokens_decoder;
    return (isObject(decoder) ? tokenText(decoder[String(id)]) : undefined) ?? this.vocabulary?.tokenOf.get(id);
  }

  idOf(text: string | undefined): number | undefined {
    if (text === undefined) return undefined;
    const decoder = this.files.tokenizer?.added_tokens_decoder;
    const added = isObject(decoder) ? Object.entries(decoder).find(([, token]) => tokenText(token) === text)?.[0] : undefined;
    return added === undefined ? this.vocabulary?.idOf.get(text) : Number(added);
  }

  /** A token of a kind (`eos`, `bos`), by what the files say. */
  known(kind: 'eos' | 'bos'): KnownToken {
    const { config, generation, tokenizer, specialMap } = this.files;
    const named = tokenText(tokenizer?.[`${kind}_token`]) ?? tokenText(specialMap?.[`${kind}_token`]);
    const id = tokenId(config?.[`${kind}_token_id`]) ?? tokenId(generation?.[`${kind}_token_id`]) ?? this.idOf(named);
    return { id, text: this.textOf(id) ?? named };
  }

  /** The pad token: the one somebody stated, else the end of text. */
  pad(): KnownToken {
    const { config, generation, tokenizer, specialMap } = this.files;
    const stated = tokenId(config?.pad_token_id);
    const named = tokenText(tokenizer?.pad_token) ?? tokenText(specialMap?.pad_token);
    const id = stated ?? this.idOf(named) ?? (named === undefined ? tokenId(generation?.pad_token_id) : undefined);
    if (id !== undefined) return { id, text: named ?? this.textOf(id) };
    const eos = this.known('eos');
    return { id: eos.id, text: named ?? eos.text };
  }
}

/** Classes that need tokenizer.model, and classes that need vocab.json with merges.txt; tokenizer.json serves all. */
const SENTENCEPIECE = /^(Llama|CodeLlama|Gemma|T5|MT5|XLNet|Albert|Camembert|MBart|MBart50|BigBird|Pegasus|XLMRoberta|Reformer|DebertaV2|Barthez|InternLM2?|Baichuan|Yi)Tokenizer(Fast)?$/;
const BYTE_PAIRS = /^(GPT2|Qwen2|Roberta|Bart|CodeGen|Blenderbot|Longformer|LED|Deberta|Whisper|OPT)Tokenizer(Fast)?$/;
const FAST_ONLY = /^(PreTrainedTokenizerFast|TokenizersBackend|GPTNeoXTokenizerFast|BloomTokenizerFast|CohereTokenizerFast)$/;

/** Whether the vocabularies can serve a tokenizer class; a class nobody here knows gets the benefit of the doubt. */
export function canServe(tokenizerClass: string, forms: readonly Vocabulary['form'][]): boolean {
  if (forms.includes('fast')) return true;
  if (SENTENCEPIECE.test(tokenizerClass)) return forms.includes('sentencepiece');
  if (BYTE_PAIRS.test(tokenizerClass)) return forms.includes('bpe');
  return !FAST_ONLY.test(tokenizerClass);
}

/** The class for a vocabulary. */
export function classFor(vocabulary: Vocabulary, config: JsonObject | undefined): string {
  const modelType = familyOf(config?.model_type)?.modelType ?? '';
  if (vocabulary.form === 'sentencepiece') return modelType.startsWith('gemma') ? 'GemmaTokenizer' : 'LlamaTokenizer';
  if (vocabulary.form === 'fast') return 'PreTrainedTokenizerFast';
  return modelType.startsWith('qwen') ? 'Qwen2Tokenizer' : 'GPT2Tokenizer';
}

/** A tokenizer_config.json out of the vocabulary and the configuration. */
export function makeTokenizerConfig(tokens: Tokens, vocabulary: Vocabulary): JsonObject {
  const { config } = tokens.files;
  const [bos, eos, pad] = [tokens.known('bos').text, tokens.known('eos').text, tokens.pad().text];
  const length = config?.max_position_embeddings ?? config?.n_positions;
  const fields: Readonly<Record<string, unknown>> = {
    ...(vocabulary.form === 'sentencepiece' && { add_bos_token: true, add_eos_token: false }),
    bos_token: bos, eos_token: eos, unk_token: vocabulary.unknown, pad_token: pad,
    model_max_length: typeof length === 'number' ? length : undefined,
    tokenizer_class: classFor(vocabulary, config),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
