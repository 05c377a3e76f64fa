/**
 * test/fixtures/architectures: configurations and tensor lists as transformers saves them, each with what llama.cpp's
 * converter made of that checkpoint in f32. Values are those of `exactValues`, so that a checkpoint is rebuilt from its list.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exactValues, tinyTokenizer, writeJson, writeSafetensors, type Tensors, type TinyDtype } from './tiny.js';

const FOLDER = fileURLToPath(new URL('../fixtures/architectures/', import.meta.url));

export interface ArchitectureFixture {
  readonly config: Readonly<Record<string, unknown>>;
  /** JSON files beside it. */
  readonly files: Readonly<Record<string, unknown>>;
  /** Name, shape, safetensors dtype. */
  readonly tensors: readonly (readonly [name: string, shape: readonly number[], dtype: TinyDtype])[];
  /** The reference's keys but those of the tokenizer and the cosmetic ones: type and value. */
  readonly keys: Readonly<Record<string, readonly [type: string, value: unknown]>>;
  /** The reference's tensors: name, ggml shape, the first 16 hex digits of the SHA-256 of its bytes as f32. */
  readonly expected: readonly (readonly [name: string, ne: readonly number[], sha256: string])[];
}

export const fixtureNames = (): string[] => readdirSync(FOLDER).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
export const readFixture = (name: string): ArchitectureFixture => JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as ArchitectureFixture;

/** A protobuf field of the wire type 2. */
const field = (number: number, content: Uint8Array): Buffer => Buffer.concat([Buffer.from([number * 8 + 2, content.length]), content]);

/** A SentencePiece model (BPE) of <unk>, <s>, </s> and the bytes. */
function sentencePiece(): Buffer {
  const piece = (text: string, type: number): Buffer => field(1, Buffer.concat([field(1, Buffer.from(text)), Buffer.from([2 * 8 + 5, 0, 0, 0, 0, 3 * 8, type])]));
  const bytes = Array.from({ length: 256 }, (_, byte) => piece(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, 6));
  return Buffer.concat([piece('<unk>', 2), piece('<s>', 3), piece('</s>', 3), ...bytes, field(2, Buffer.from([3 * 8, 2]))]);
}

/** A tokenizer that the model's architecture reads; which one does not matter to its weights. */
function writeTokenizer(dir: string, modelType: unknown): void {
  const named = { bos_token: '<|im_start|>', eos_token: '<|im_end|>', unk_token: '<|endoftext|>' };
  if (modelType === 'bert') {
    const vocab = Object.fromEntries(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', '##b'].map((token, id) => [token, id]));
    writeJson(dir, 'tokenizer.json', { added_tokens: [], normalizer: { type: 'BertNormalizer', lowercase: true }, pre_tokenizer: { type: 'BertPreTokenizer' }, model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', vocab } });
    writeJson(dir, 'tokenizer_config.json', { tokenizer_class: 'BertTokenizer', cls_token: '[CLS]', sep_token: '[SEP]', unk_token: '[UNK]', pad_token: '[PAD]', mask_token: '[MASK]' });
  } else if (['gemma2', 'gemma3', 'gemma3_text', 'phi3'].includes(String(modelType))) {
    writeFileSync(join(dir, 'tokenizer.model'), sentencePiece());
    writeJson(dir, 'tokenizer_config.json', { tokenizer_class: 'LlamaTokenizer', bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>' });
  } else {
    writeJson(dir, 'tokenizer.json', tinyTokenizer());
    writeJson(dir, 'tokenizer_config.json', named);
  }
}

type Change = (tensor: string, values: Float32Array) => Float32Array;

/** Writes the checkpoint of a fixture below `parent`, in `shards` files, its values changed. */
export function rebuild(parent: string, name: string, fixture: ArchitectureFixture, shards = 1, change: Change = (_, values) => values): string {
  const dir = join(parent, name);
  mkdirSync(dir, { recursive: true });
  writeJson(dir, 'config.json', fixture.config);
  for (const [path, content] of Object.entries(fixture.files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeJson(dir, path, content);
  }
  const tensors = fixture.tensors.map(([tensor, shape], index): [string, Tensors[string]] => [tensor, { shape: [...shape], values: change(tensor, exactValues(shape.reduce((product, n) => product * n, 1), index + 1)) }]);
  const size = Math.ceil(tensors.length / shards);
  const files = Array.from({ length: shards }, (_, shard) => (shards === 1 ? 'model.safetensors' : `model-${shard + 1}-of-${shards}.safetensors`));
  files.forEach((file, shard) => writeSafetensors(join(dir, file), Object.fromEntries(tensors.slice(shard * size, (shard + 1) * size)), fixture.tensors[0]?.[2]));
  if (shards > 1) writeJson(dir, 'model.safetensors.index.json', { weight_map: Object.fromEntries(tensors.map(([tensor], index) => [tensor, files[Math.floor(index / size)]])) });
  writeTokenizer(dir, fixture.config['model_type']);
  return dir;
}
