/** createTara: the whole product as a library object; the kernel with its plugins, the engine, the phases. */
import { resolve } from 'node:path';
import { convert, type ConvertOptions, type ConvertReport, type OwnTypes } from './convert/index.js';
import { createEngine, type Engine, type Model } from './engine/index.js';
import { bootHost } from './boot.js';
import { CAPABILITIES } from './kernel/capabilities/index.js';
import type { PluginStatus } from './kernel/host-types.js';
import type { Token } from './kernel/tokens.js';
import { evaluate, type EvaluateOptions, type Evaluation, imatrixFile, type ImatrixOptions, type ImatrixReport } from './measure/index.js';
import { createPhases, type Phases } from './phases/phases.js';
import { homeOf } from './phases/home.js';

export interface TaraOptions {
  /** State folder; TARA_HOME, else .tara in `cwd`, when omitted. */
  readonly home?: string;
  /** Where tara.config is looked for and relative paths start; the working directory when omitted. */
  readonly cwd?: string;
}

export interface QuantizeOptions extends ConvertOptions, OwnTypes {
  /** Type or preset: `q8_0`, `Q4_K_M`. */
  readonly type: string;
  /** An importance matrix, of `imatrix` or llama-imatrix, GGUF or .dat. */
  readonly imatrix?: string | undefined;
  /** Factors for rounding with error feedback, of `imatrix`. */
  readonly feedback?: string | undefined;
}

/** The engine, the transformations that write files, and measurements of files. */
export interface TaraEngine extends Engine {
  /** One GGUF file (or checkpoint folder) to one type. Atomic: the output appears complete or not at all. */
  quantize(input: string, output: string, options: QuantizeOptions): Promise<ConvertReport>;
  /** Several outputs in one pass over the input; all appear, or none. */
  quantizeMany(input: string, outputs: readonly ({ readonly output: string; readonly type: string } & OwnTypes)[], options?: Omit<QuantizeOptions, 'type' | keyof OwnTypes>): Promise<ConvertReport>;
  /** Perplexity of a GGUF file on a text and, against a reference, KL divergence and agreement; as the function `evaluate`. */
  evaluate(options: Omit<EvaluateOptions, 'engine'>): Promise<Evaluation>;
  /**
   * Writes the importance matrix of a model (a GGUF file, or a loaded one) on calibration texts, for `quantize` and llama-quantize.
   * `texts`: running text, or `.jsonl` items; none where `from` names matrices to merge. Rejects as collectImatrix does.
   */
  imatrix(model: string | Model, texts: string | readonly string[], output: string, options?: ImatrixOptions): Promise<ImatrixReport>;
}

export interface Tara extends AsyncDisposable {
  readonly engine: TaraEngine;
  readonly phases: Phases;
  plugins(): readonly PluginStatus[];
  /** A service or capability of a plugin. Throws TARA_SERVICE_UNKNOWN or TARA_CAPABILITY_MISSING. */
  use<T>(token: Token<T>): T;
  /** Stops plugins and unloads models; twice is harmless. */
  close(): Promise<void>;
}

/** The engine with quantize, quantizeMany and the measurements; needs no kernel. */
export function createTaraEngine(): TaraEngine {
  const engine = createEngine();
  const quantizeMany: TaraEngine['quantizeMany'] = (input, outputs, { imatrix, feedback, ...options } = {}) =>
    convert({ base: resolve(input), adapters: [], imatrix: imatrix === undefined ? undefined : { path: resolve(imatrix), name: imatrix }, feedback: feedback === undefined ? undefined : resolve(feedback), outputs: outputs.map(({ output, ...types }, index) => ({ id: `out${index}`, path: resolve(output), ...types })) }, options);
  return Object.assign(engine, {
    evaluate: (options: Omit<EvaluateOptions, 'engine'>) => evaluate({ ...options, engine }),
    imatrix: (model: string | Model, texts: string | readonly string[], output: string, options: ImatrixOptions = {}) =>
      imatrixFile({ ...options, model, text: typeof texts === 'string' ? [texts] : texts, output, engine }),
    quantizeMany,
    quantize: (input: string, output: string, { type, types, tensorTypes, ...options }: QuantizeOptions) => quantizeMany(input, [{ output, type, types, tensorTypes }], options),
  });
}

/** Boots the kernel with the built-in plugins and those of tara.config, and starts them. */
export async function createTara(options: TaraOptions = {}): Promise<Tara> {
  const cwd = resolve(options.cwd ?? '.');
  const home = homeOf({ home: options.home, env: process.env, cwd });
  const host = await bootHost(home, cwd);
  await host.start();
  const engine = createTaraEngine();
  const phases = createPhases({ home, hooks: host.hooks, engine, compressor: () => host.find(CAPABILITIES.compressor) });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= Promise.all([engine.dispose(), host.stop()]).then(() => undefined));
  return { engine, phases, plugins: () => host.plugins(), use: (token) => host.use(token), close, [Symbol.asyncDispose]: close };
}
