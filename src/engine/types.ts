/** What the engine's users see. */

export interface LoadOptions {
  /** Tokens that each slot holds (prompt and answer); what the model was trained for, 4096 at most, when omitted. */
  readonly contextSize?: number | undefined;
  /** Requests decoded together, 1..64; further ones wait by priority, then in order of arrival. Default 4. */
  readonly slots?: number | undefined;
  /** Requests that may wait for a slot; one more fails with TARA_QUEUE_FULL. Default 1024. */
  readonly maxQueued?: number | undefined;
  /** Decoding threads; every core when omitted. */
  readonly threads?: number | undefined;
  /**
   * Decode every request by itself, from its first token: what it gets is what llama.cpp gives for it alone, whatever runs beside it or ran before.
   * Several requests at once then share the speed of one, and nothing is taken over from earlier ones. Default false.
   */
  readonly deterministic?: boolean | undefined;
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
  /** Locally typical sampling. Default 1 = off. */
  readonly typicalP?: number | undefined;
  /** Divides the logits of tokens seen lately (multiplies negative ones). Default 1 = off. */
  readonly repeatPenalty?: number | undefined;
  /** How many of the last tokens, prompt included, the three penalties look at. Default 64; -1 = the whole context. */
  readonly repeatLastN?: number | undefined;
  /** Taken from the logit of a token that was seen. Default 0. */
  readonly presencePenalty?: number | undefined;
  /** Taken from the logit of a token for each time it was seen. Default 0. */
  readonly frequencyPenalty?: number | undefined;
  readonly dry?: DryOptions | undefined;
  readonly xtc?: XtcOptions | undefined;
  /** Added to the logits of tokens by id; -Infinity bans one. */
  readonly logitBias?: Readonly<Record<number, number>> | undefined;
  /** Go on after tokens that end a text: they are never chosen. Default false. */
  readonly ignoreEos?: boolean | undefined;
  /** GBNF, as llama.cpp reads it; its rule `root` is the whole answer. Fails with TARA_GRAMMAR_INVALID. */
  readonly grammar?: string | undefined;
  /** JSON Schema that the answer obeys; not together with `grammar`. Fails with TARA_JSON_SCHEMA_UNSUPPORTED. */
  readonly jsonSchema?: object | undefined;
  /** Tell each token's log-probability, with 0..20 alternatives. */
  readonly logprobs?: number | undefined;
  /** 0..2^32-2; the same seed, prompt and options give the same text; but unless the model was loaded `deterministic`, what is decoded beside it, or kept from before, may tip two tokens that are as likely as each other. Random when omitted. */
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
  /** -10..10, higher first; who waits long gains on it. Default 0. */
  readonly priority?: number | undefined;
  /** Fail with TARA_QUEUE_TIMEOUT when no slot becomes free in this time. */
  readonly queueTimeoutMs?: number | undefined;
  /** Take over what an earlier request with the same beginning has computed. Default true. */
  readonly cachePrompt?: boolean | undefined;
  /** At a full context drop the older half behind the prompt and go on, where the model can. Default false: finishReason length. */
  readonly contextShift?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** DRY: a penalty of multiplier * base ^ (length - allowedLength) on what would repeat a longer sequence. */
export interface DryOptions {
  /** 0 = off. */
  readonly multiplier: number;
  /** Default 1.75. */
  readonly base?: number | undefined;
  /** Default 2. */
  readonly allowedLength?: number | undefined;
  /** How many of the last tokens are looked at. Default 64; -1 = the whole context. */
  readonly lastN?: number | undefined;
  /** Strings that no sequence crosses. Default newline, colon, quotation mark and asterisk. */
  readonly sequenceBreakers?: readonly string[] | undefined;
}

/** XTC: with `probability`, all tokens over `threshold` but the least likely of them are left out. */
export interface XtcOptions {
  /** 0 = off. */
  readonly probability: number;
  /** Over 0.5 = off. */
  readonly threshold: number;
}

export interface TokenCandidate {
  readonly id: number;
  /** Its text alone; bytes that are no whole character show as U+FFFD. */
  readonly text: string;
  /** UTF-8. */
  readonly bytes: readonly number[];
  /** ln of its probability before any sampling option; null where it is 0. */
  readonly logprob: number | null;
}

export interface TokenLogprob extends TokenCandidate {
  /** The most likely tokens, first the likeliest. */
  readonly top: readonly TokenCandidate[];
}

export interface Chunk {
  /** Whole characters; may be empty at the end. */
  readonly text: string;
  /** Ids since the last chunk; those of a stop string are among them. */
  readonly tokens: readonly number[];
  /** One for each of `tokens`, where they were asked for. */
  readonly logprobs?: readonly TokenLogprob[];
}

export interface Usage {
  readonly promptTokens: number;
  /** The end-of-generation token included. */
  readonly completionTokens: number;
  /** How many of the prompt's tokens were taken over from an earlier request. */
  readonly cachedTokens: number;
}

export interface Timings {
  /** From the call to getting a slot. */
  readonly queueMs: number;
  /** From the call to the first token. */
  readonly firstTokenMs: number;
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
  /** To length 1, each vector of a row by itself. Default true. */
  readonly normalize?: boolean | undefined;
  /**
   * Blocks, from 0, whose inputs are wanted too: a row is then the embedding, followed for each block by the mean over the
   * text's tokens of the vectors that its query weights multiply. What lies half way says more of wording and tone than the
   * last layer, which is trained to compare meanings. Computed in the same pass.
   */
  readonly blocks?: readonly number[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a model has done since it was loaded. */
export interface ModelStats {
  readonly slots: number;
  /** Requests that hold a slot, and that wait for one. */
  readonly active: number;
  readonly queued: number;
  /** Generations and scores that got a slot. */
  readonly requests: number;
  /** Prompt tokens that were decoded, that were taken over, and tokens generated. */
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly decodes: number;
  /** Time in decodes. */
  readonly busyMs: number;
}

export interface Embeddings {
  /** Rows of info.embeddingLength, one for each text; longer where `blocks` were asked for. */
  readonly embeddings: readonly Float32Array[];
  readonly usage: { readonly promptTokens: number };
}

export interface SaveStateOptions {
  /** As in GenerateOptions. */
  readonly adapters?: Readonly<Record<string, number>> | undefined;
  readonly addSpecial?: boolean | undefined;
  readonly parseSpecial?: boolean | undefined;
  /** As in GenerateOptions. */
  readonly tools?: readonly Tool[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SavedState {
  readonly tokens: number;
  /** Of the file. */
  readonly bytes: number;
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
  /** Rows of info.embeddingLength, longer where `blocks` are asked for. Fails with TARA_CONTEXT_FULL, TARA_MODEL_UNSUPPORTED. */
  embed(text: string | Int32Array, options?: EmbedOptions): Promise<Float32Array>;
  embed(texts: readonly (string | Int32Array)[], options?: EmbedOptions): Promise<Float32Array[]>;
  /** The same with the number of tokens read. */
  embedWithUsage(texts: readonly (string | Int32Array)[], options?: EmbedOptions): Promise<Embeddings>;
  /** How likely the model finds a text. Fails with TARA_CONTEXT_FULL, TARA_PROMPT_EMPTY. */
  score(text: string | Int32Array, options?: ScoreOptions): Promise<Score>;
  /** Reads a prompt (or takes over what is known of it) and writes its keys and values to a file, whole or not at all. Fails with TARA_WRITE_FAILED, TARA_CONTEXT_FULL. */
  saveState(path: string, prompt: string | Int32Array | readonly ChatMessage[], options?: SaveStateOptions): Promise<SavedState>;
  /** Reads such a file into a slot: a generation whose prompt begins with its tokens, with the same adapters, takes them over. Fails with TARA_STATE_INVALID. */
  loadState(path: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<{ readonly tokens: Int32Array }>;
  stats(): ModelStats;
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
