/** A loaded model over a native runner. */
import { resolve } from 'node:path';
import { TaraError } from '../errors.js';
import { CHATML, ChatTemplate } from './chat-template.js';
import { NativeGeneration } from './generation.js';
import * as guard from './guard.js';
import { nativeCall, startJob, type Job, type JobResult } from './jobs.js';
import { COUNT_LIMIT, generationParams } from './sampling.js';
import { modelIdentity, readState, writeState } from './state.js';
import type { TextReader } from './text-reader.js';
import type {
  ChatMessage, ChatTemplateOptions, EmbedOptions, Embeddings, GenerateOptions, Generation, Model, ModelInfo, ModelStats, SavedState, SaveStateOptions, Score, ScoreOptions, TokenizeOptions,
} from './types.js';

/** Cancels a runner's work, waits until it has freed everything, and forgets it. */
export async function closeRunner(runner: number): Promise<void> {
  await startJob('engine.close', { runner }).done;
  nativeCall('engine.free', { runner });
}

/** A model that nobody refers to any more gives its runner back. */
const forgotten = new FinalizationRegistry<number>((runner) => {
  closeRunner(runner).catch(() => undefined);
});

/** The runner of a model, for the rooms that work on it beside the model's own methods. Throws TARA_DISPOSED. */
export function runnerOf(model: Model): number {
  if (!(model instanceof NativeModel)) throw new TaraError('TARA_INTERNAL', { reason: 'a model of another engine' });
  return NativeModel.runnerOf(model);
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const bytesOf = (tokens: Int32Array): Uint8Array => new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength);

interface Input {
  readonly blob: Uint8Array;
  readonly params: { readonly tokenized: boolean; readonly addSpecial?: boolean | undefined; readonly parseSpecial?: boolean | undefined };
}

function inputOf(reader: TextReader, option: string, value: string | Int32Array, options: { readonly addSpecial?: boolean | undefined; readonly parseSpecial?: boolean | undefined }): Input {
  if (typeof value !== 'string') return { blob: bytesOf(guard.tokens(option, value)), params: { tokenized: true } };
  const parseSpecial = guard.boolean('parseSpecial', options.parseSpecial) ?? false;
  return {
    blob: reader.read(value, parseSpecial),
    params: { tokenized: false, addSpecial: guard.boolean('addSpecial', options.addSpecial), parseSpecial: parseSpecial && !reader.findsSpecials },
  };
}

/** The scales of a request's adapters. Throws TARA_OPTION_INVALID for one that the model was not loaded with. */
function adapterScales(info: ModelInfo, value: unknown): Record<string, number> {
  const scales = guard.record('adapters', value, (option, item) => guard.number(option, item, -100, 100) ?? 1);
  for (const name of Object.keys(scales)) {
    if (!info.adapters.includes(name)) throw guard.refuse('adapters', `the model was loaded without an adapter ${name}`);
  }
  return scales;
}

function checkedMessages(value: readonly ChatMessage[]): readonly ChatMessage[] {
  if (!Array.isArray(value) || value.length === 0) throw guard.refuse('messages', 'must be a list with at least one message');
  value.forEach((message: unknown, index) => {
    const { role, content, tool_calls: calls } = (message ?? {}) as Partial<Record<'role' | 'content' | 'tool_calls', unknown>>;
    const said = typeof content === 'string' || (content === null && Array.isArray(calls));
    if (typeof role !== 'string' || !said) throw guard.refuse(`messages[${index}]`, 'needs a role and a content, both strings');
  });
  return value;
}

export class NativeModel implements Model {
  readonly path: string;
  readonly info: ModelInfo;
  readonly #runner: number;
  readonly #reader: TextReader;
  readonly #template: ChatTemplate;
  readonly #adapterFiles: readonly string[];
  #identified: Promise<string> | undefined;
  #closing: Promise<void> | undefined;

  constructor(path: string, info: ModelInfo, runner: number, reader: TextReader, adapterFiles: readonly string[]) {
    this.path = path;
    this.#adapterFiles = adapterFiles;
    this.info = info;
    this.#runner = runner;
    this.#reader = reader;
    this.#template = new ChatTemplate(info.chatTemplate ?? CHATML);
    forgotten.register(this, runner, this);
  }

  static runnerOf(model: NativeModel): number {
    if (model.#closing) throw new TaraError('TARA_DISPOSED', { what: 'the model' });
    return model.#runner;
  }

  #start(kind: string, params: object, blobs: readonly Uint8Array[], options: { signal?: AbortSignal | undefined; onChunk?: (chunk: JobResult) => void }): Job {
    if (this.#closing) throw new TaraError('TARA_DISPOSED', { what: 'the model' });
    const signal = guard.signal('signal', options.signal);
    const job = startJob(kind, { runner: this.#runner, ...params }, { blobs, signal, onChunk: options.onChunk });
    // The job keeps the model: forgotten ones are closed, and this one is in use.
    void job.done.then(() => this, () => this);
    return job;
  }

  async tokenize(text: string, options: TokenizeOptions = {}): Promise<Int32Array> {
    const { blob, params } = inputOf(this.#reader, 'text', guard.text('text', text), options);
    const result = await this.#start('engine.tokenize', params, [blob], options).done;
    return new Int32Array(result.blob ?? new ArrayBuffer(0));
  }

  async detokenize(tokens: Int32Array | readonly number[], options: { readonly special?: boolean } = {}): Promise<string> {
    const special = guard.boolean('special', options.special) ?? false;
    const result = await this.#start('engine.detokenize', { special }, [bytesOf(guard.tokens('tokens', tokens))], {}).done;
    return decoder.decode(result.blob ?? new ArrayBuffer(0));
  }

  async applyChatTemplate(messages: readonly ChatMessage[], options: ChatTemplateOptions = {}): Promise<string> {
    return this.#template.render({
      messages: checkedMessages(messages),
      tools: options.tools ?? [],
      addGenerationPrompt: guard.boolean('addGenerationPrompt', options.addGenerationPrompt) ?? true,
      bosToken: this.info.bos?.text ?? '',
      eosToken: this.info.eos?.text ?? '',
    });
  }

  /** The prompt as native input. A template's own start token goes: the tokenizer adds it. */
  async #promptOf(prompt: string | Int32Array | readonly ChatMessage[], options: SaveStateOptions): Promise<Input> {
    if (typeof prompt === 'string' || prompt instanceof Int32Array) {
      return inputOf(this.#reader, 'prompt', prompt, { addSpecial: options.addSpecial ?? true, parseSpecial: options.parseSpecial ?? true });
    }
    const text = await this.applyChatTemplate(prompt, { tools: options.tools });
    const bos = this.info.bos?.text ?? '';
    const rest = this.info.addsBos && bos !== '' && text.startsWith(bos) ? text.slice(bos.length) : text;
    return inputOf(this.#reader, 'prompt', rest, { addSpecial: this.info.addsBos, parseSpecial: true });
  }

  generate(prompt: string | Int32Array | readonly ChatMessage[], options: GenerateOptions = {}): Generation {
    return new NativeGeneration(async (onChunk) => {
      const sampling = { ...generationParams(options), adapters: adapterScales(this.info, options.adapters) };
      const { blob, params } = await this.#promptOf(prompt, options);
      return this.#start('engine.generate', { ...params, ...sampling }, [blob], { signal: options.signal, onChunk });
    });
  }

  embed(text: string | Int32Array, options?: EmbedOptions): Promise<Float32Array>;
  embed(texts: readonly (string | Int32Array)[], options?: EmbedOptions): Promise<Float32Array[]>;
  async embed(input: string | Int32Array | readonly (string | Int32Array)[], options: EmbedOptions = {}): Promise<Float32Array | Float32Array[]> {
    const single = typeof input === 'string' || input instanceof Int32Array;
    const { embeddings } = await this.embedWithUsage(single ? [input] : input, options);
    return single ? (embeddings[0] ?? new Float32Array(0)) : [...embeddings];
  }

  async embedWithUsage(texts: readonly (string | Int32Array)[], options: EmbedOptions = {}): Promise<Embeddings> {
    if (!Array.isArray(texts)) throw guard.refuse('texts', 'must be a string, token ids, or a list of these');
    if (texts.length === 0) return { embeddings: [], usage: { promptTokens: 0 } };
    const list = texts as readonly unknown[];
    const tokenized = list.map((text) => text instanceof Int32Array);
    const blobs = list.map((text) => (text instanceof Int32Array ? bytesOf(text) : this.#reader.read(guard.text('texts', text), true)));
    const normalize = guard.boolean('normalize', options.normalize) ?? true;
    const blocks = guard.blocks('blocks', options.blocks, this.info.layers);
    const { data, blob } = await this.#start('engine.embed', { normalize, tokenized, blocks }, blobs, options).done;
    const { dimensions, tokens } = data as { dimensions: number; tokens: number };
    const all = new Float32Array(blob ?? new ArrayBuffer(0));
    return { embeddings: texts.map((_, index) => all.slice(index * dimensions, (index + 1) * dimensions)), usage: { promptTokens: tokens } };
  }

  async saveState(path: string, prompt: string | Int32Array | readonly ChatMessage[], options: SaveStateOptions = {}): Promise<SavedState> {
    const target = resolve(guard.text('path', path));
    const adapters = adapterScales(this.info, options.adapters);
    const { blob, params } = await this.#promptOf(prompt, options);
    // The tokens as they are read, to be kept beside the state.
    const tokens = params.tokenized
      ? guard.tokens('prompt', prompt)
      : new Int32Array((await this.#start('engine.tokenize', params, [blob], options).done).blob ?? new ArrayBuffer(0));
    if (tokens.length === 0) throw new TaraError('TARA_PROMPT_EMPTY');
    const { blob: state } = await this.#start('engine.save', { tokenized: true, adapters }, [bytesOf(tokens)], options).done;
    const bytes = await writeState(target, await this.#identity(), { adapters, tokens, state: new Uint8Array(state ?? new ArrayBuffer(0)) });
    return { tokens: tokens.length, bytes };
  }

  async loadState(path: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<{ readonly tokens: Int32Array }> {
    const source = resolve(guard.text('path', path));
    const { adapters, tokens, state } = await readState(source, await this.#identity());
    try {
      await this.#start('engine.restore', { tokenized: true, adapters: adapterScales(this.info, adapters) }, [bytesOf(tokens), state], options).done;
    } catch (thrown) {
      throw thrown instanceof TaraError && thrown.code === 'TARA_STATE_INVALID' ? new TaraError('TARA_STATE_INVALID', { ...thrown.fields, path: source }, { cause: thrown }) : thrown;
    }
    return { tokens };
  }

  #identity(): Promise<string> {
    return (this.#identified ??= modelIdentity([this.path, ...this.#adapterFiles]));
  }

  stats(): ModelStats {
    if (this.#closing) throw new TaraError('TARA_DISPOSED', { what: 'the model' });
    return nativeCall('engine.stats', { runner: this.#runner }) as ModelStats;
  }

  async score(text: string | Int32Array, options: ScoreOptions = {}): Promise<Score> {
    const { blob, params } = inputOf(this.#reader, 'text', text, options);
    const promptTokens = guard.whole('promptTokens', options.promptTokens, 0, COUNT_LIMIT);
    const adapters = adapterScales(this.info, options.adapters);
    const result = await this.#start('engine.score', { ...params, promptTokens, adapters }, [blob], options).done;
    return { ...(result.data as Omit<Score, 'logProbabilities'>), logProbabilities: new Float32Array(result.blob ?? new ArrayBuffer(0)) };
  }

  dispose(): Promise<void> {
    if (!this.#closing) {
      forgotten.unregister(this);
      this.#closing = closeRunner(this.#runner);
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
