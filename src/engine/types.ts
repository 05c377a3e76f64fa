/** What the engine's users see. */

export interface LoadOptions {
  /** Tokens that each slot holds (prompt and answer); what the model was trained for, 4096 at most, when omitted. */
  readonly contextSize?: number | undefined;
  /** Requests decoded together, 1..64; further ones wait in order of arrival. Default 4. */
  readonly slots?: number | undefined;
  /** Decoding threads; every core when omitted. */
  readonly threads?: number | undefined;
  /** Map the file instead of reading it: loads faster, but a file that shrinks in use ends the process. */
  readonly mmap?: boolean | undefined;
  /** Layers on the GPU, in builds that have one; all when omitted. */
  readonly gpuLayers?: number | undefined;
  /** GGUF LoRA files that requests may ask for, by the name they use. */
  readonly adapters?: Readonly<Record<string, string>> | undefined;
  /** The loaded share, 0..1. */
  readonly onProgress?: ((fraction: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SpecialToken {
  readonly id: number;
  readonly text: string;
}

export interface ModelInfo {
  readonly architecture: string;
  /** As llama.cpp says it: `llama 135M Q4_1`. */
  readonly description: string;
  readonly parameters: number;
  /** Bytes of all tensors. */
  readonly bytes: number;
  readonly layers: number;
  readonly embeddingLength: number;
  readonly trainedContext: number;
  readonly vocabularySize: number;
  readonly bos: SpecialToken | null;
  readonly eos: SpecialToken | null;
  readonly eot: SpecialToken | null;
  readonly addsBos: boolean;
  readonly addsEos: boolean;
  readonly contextSize: number;
  readonly slots: number;
  readonly threads: number;
  /** Names of the adapters it was loaded with. */
  readonly adapters: readonly string[];
  /** False for encoders. */
  readonly generates: boolean;
  readonly embeds: boolean;
  readonly chatTemplate: string | null;
  /** Scalar metadata of the file by key; arrays are left out. */
  readonly metadata: Readonly<Record<string, string | number | boolean | bigint>>;
}

/** A message as chat templates read it. */
export interface ChatMessage {
  readonly role: string;
  /** Null where an assistant only calls tools. */
  readonly content: string | null;
  /** Calls that an assistant made. */
  readonly tool_calls?: readonly ToolCall[] | undefined;
  /** The call that a `tool` message answers. */
  readonly tool_call_id?: string | undefined;
  /** The tool that answers, or who speaks. */
  readonly name?: string | undefined;
}

/** A call of a tool, with its arguments as JSON text. */
export interface ToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

/** A function that a model may call; `parameters` is a JSON Schema. */
export interface Tool {
  readonly type: 'function';
  readonly function: { readonly name: string; readonly description?: string | undefined; readonly parameters?: Readonly<Record<string, unknown>> | undefined };
}

export interface ChatTemplateOptions {
  /** End with the beginning of an answer. Default true. */
  readonly addGenerationPrompt?: boolean | undefined;
  /** What the model may call; a template that knows no tools gets them as a system message. */
  readonly tools?: readonly Tool[] | undefined;
}

export interface TokenizeOptions {
  /** Add the start and end tokens that the model wants. Default true. */
  readonly addSpecial?: boolean | undefined;
  /** Read control tokens written as text (`<|im_end|>`). Default false. */
  readonly parseSpecial?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface GenerateOptions {
  /** Default: until the context is full. */
  readonly maxTokens?: number | undefined;
  /** 0 = always the most likely token. Default 0.8. */
  readonly temperature?: number | undefined;
  /** Default 40; 0 = off. */
  readonly topK?: number | undefined;
  /** Default 0.95; 1 = off. */
  readonly topP?: number | undefined;
  /** Default 0.05; 0 = off. */
  readonly minP?: number | undefined;
  /** 0..2^32-2; the same seed, prompt and options give the same text. Random when omitted. */
  readonly seed?: number | undefined;
  /** Generation ends before the first of these; it is not part of the text. */
  readonly stop?: string | readonly string[] | undefined;
  /** For a prompt given as a string; both true when omitted. */
  readonly addSpecial?: boolean | undefined;
  readonly parseSpecial?: boolean | undefined;
  /** For messages: what the model may call, as the chat template writes it. */
  readonly tools?: readonly Tool[] | undefined;
  /** Adapters of this request and their scales, by name; none when omitted. Requests with the same ones are decoded together. */
  readonly adapters?: Readonly<Record<string, number>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Chunk {
  /** Whole characters; may be empty at the end. */
  readonly text: string;
  /** Ids since the last chunk; those of a stop string are among them. */
  readonly tokens: readonly number[];
}

export interface Usage {
  readonly promptTokens: number;
  /** The end-of-generation token included. */
  readonly completionTokens: number;
}

export interface Timings {
  /** From getting a slot to the first token. */
  readonly promptMs: number;
  readonly decodeMs: number;
  readonly promptTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
}

export interface GenerationResult {
  readonly text: string;
  /** eos: the model ended; stop: a stop string; length: maxTokens or the context was reached. */
  readonly finishReason: 'eos' | 'stop' | 'length';
  /** The stop string that was met. */
  readonly stop?: string;
  readonly usage: Usage;
  readonly timings: Timings;
  /** The seed used, also when none was given. */
  readonly seed: number;
}

/** A generation under way. Leaving a loop over it cancels it; it may be iterated again from its start. */
export interface Generation extends AsyncIterable<Chunk> {
  /** The whole text. */
  text(): Promise<string>;
  readonly result: Promise<GenerationResult>;
  readonly usage: Promise<Usage>;
  cancel(): void;
}

export interface ScoreOptions extends TokenizeOptions {
  /** Tokens at the start that are context only and are not scored. */
  readonly promptTokens?: number | undefined;
  /** As in GenerateOptions. */
  readonly adapters?: Readonly<Record<string, number>> | undefined;
}

export interface Score {
  readonly tokens: number;
  readonly scored: number;
  /** Mean negative log-probability, in nats; its exponential is the perplexity. */
  readonly meanLoss: number;
  /** ln p of each scored token, the first of them at index max(1, promptTokens). */
  readonly logProbabilities: Float32Array;
}

export interface EmbedOptions {
  /** To length 1. Default true. */
  readonly normalize?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A loaded model. After dispose every call fails with TARA_DISPOSED. Errors common to all calls: TARA_ABORTED, TARA_OPTION_INVALID. */
export interface Model extends AsyncDisposable {
  readonly path: string;
  readonly info: ModelInfo;
  tokenize(text: string, options?: TokenizeOptions): Promise<Int32Array>;
  detokenize(tokens: Int32Array | readonly number[], options?: { readonly special?: boolean }): Promise<string>;
  /** The model's own template, ChatML where it has none. Fails with TARA_CHAT_TEMPLATE. */
  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatTemplateOptions): Promise<string>;
  /** A prompt as text or token ids, or messages for the chat template. Errors reach the iteration and `result`. */
  generate(prompt: string | Int32Array | readonly ChatMessage[], options?: GenerateOptions): Generation;
  /** Rows of info.embeddingLength. Fails with TARA_CONTEXT_FULL, TARA_MODEL_UNSUPPORTED. */
  embed(text: string, options?: EmbedOptions): Promise<Float32Array>;
  embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array[]>;
  /** How likely the model finds a text. Fails with TARA_CONTEXT_FULL, TARA_PROMPT_EMPTY. */
  score(text: string | Int32Array, options?: ScoreOptions): Promise<Score>;
  /** Cancels what runs and frees the model; the same promise every time. */
  dispose(): Promise<void>;
}

export interface Engine extends AsyncDisposable {
  /**
   * Loads a GGUF file. Models of one file share their weights, in the whole process.
   * Fails with TARA_FILE_NOT_FOUND, TARA_GGUF_INVALID, TARA_ADAPTER_MISMATCH, TARA_MODEL_LOAD, TARA_MODEL_UNSUPPORTED, TARA_OUT_OF_MEMORY, TARA_ABORTED.
   */
  load(path: string, options?: LoadOptions): Promise<Model>;
  /** Disposes every model it loaded; the same promise every time. */
  dispose(): Promise<void>;
}
