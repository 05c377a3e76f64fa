/**
 * The one table of errors. Every failure the product can report has a stable code here, with the
 * exit code of the command line, the HTTP status of the server, a message and the way out.
 * docs/errors.md is compared with this table by a test.
 */

/** Values that fill the {placeholders} of a message or hint. */
export type ErrorFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface ErrorEntry {
  /** 1 = the work failed, 2 = bad usage. */
  readonly exit: 1 | 2;
  readonly http: number;
  readonly message: string;
  readonly hint: string;
}

const entry = (exit: 1 | 2, http: number, message: string, hint: string): ErrorEntry => ({ exit, http, message, hint });

export const ERRORS = {
  // general
  TARA_INTERNAL: entry(1, 500, 'internal error: {reason}', 'This is a bug in tara-gguf: run again with --verbose and report the stack.'),
  TARA_ABORTED: entry(1, 499, 'aborted', 'The caller cancelled the work; nothing half-written is left. Run the command again.'),
  TARA_USAGE: entry(2, 400, '{reason}', 'Run the command with --help to see its options and examples.'),
  TARA_OPTION_INVALID: entry(2, 400, '{option}: {reason}', 'Run the command with --help to see what the option takes.'),
  // files
  TARA_FILE_NOT_FOUND: entry(1, 404, 'no such file or folder: {path}', 'Check the path; relative paths start at the working directory.'),
  TARA_FILE_UNREADABLE: entry(1, 400, 'cannot read {path}: {reason}', 'Check the permissions and that it is a regular file.'),
  TARA_FILE_CHANGED: entry(1, 409, '{path} changed while it was being used', 'Run the command again when nothing writes to the file.'),
  TARA_FILE_EXISTS: entry(1, 409, '{path} already exists', 'Choose another path or remove it first.'),
  TARA_REMOTE_UNREADABLE: entry(1, 502, 'cannot read {url}: {reason}', 'Check the address and the network; the server must answer range requests, or send the file whole with its length.'),
  TARA_WRITE_FAILED: entry(1, 507, 'cannot write {path}: {reason}', 'Check the permissions and the path; nothing half-written is left.'),
  TARA_DISK_FULL: entry(1, 507, 'no space left for {path}: {needed} bytes needed', 'Free some space or choose another disk; nothing half-written is left.'),
  TARA_OUTPUT_IS_INPUT: entry(2, 400, '{path} is one of the inputs', 'Choose another output path; nothing was written.'),
  // formats
  TARA_GGUF_INVALID: entry(1, 422, '{path} is not a usable GGUF file: {reason}', 'Download or convert the file again; `tara-gguf verify FILE` lists what is wrong.'),
  TARA_SAFETENSORS_INVALID: entry(1, 422, '{path} is not a usable safetensors file: {reason}', 'Download or save the file again.'),
  TARA_MODEL_NOT_RECOGNISED: entry(1, 422, '{path} is no model: {reason}', 'Give a GGUF file, or a folder with config.json, safetensors weights and a tokenizer.'),
  TARA_CONFIG_INVALID: entry(1, 422, '{path}: {reason}', 'Correct the file; it must be JSON as transformers or PEFT writes it.'),
  TARA_ADAPTER_INVALID: entry(1, 422, '{path} is not a usable LoRA adapter: {reason}', 'Give a folder with adapter_config.json and adapter_model.safetensors, as PEFT saves it.'),
  TARA_ADAPTER_UNSUPPORTED: entry(1, 422, '{path} uses {field}, which cannot be merged: {reason}', 'Train the adapter without it, or merge it into its base with PEFT first.'),
  TARA_TENSOR_MISSING: entry(1, 422, '{path} has no tensor {tensor}', 'The checkpoint is incomplete or of another architecture; download it again.'),
  TARA_TENSOR_SHAPE: entry(1, 422, 'tensor {tensor} of {path} has shape {actual}, expected {expected}', 'Configuration and weights disagree; download both from the same revision.'),
  // convert
  TARA_ARCHITECTURE_UNKNOWN: entry(1, 422, '{path}: the architecture {architecture} cannot be converted', 'One of: {known}. GGUF files of any architecture can be quantized without adapters.'),
  TARA_ARCHITECTURE_INVALID: entry(1, 422, '{module} describes no architecture: {reason}', 'Correct the module that the plugin contributes; docs/architectures.md shows its fields.'),
  TARA_CHECKPOINT_QUANTIZED: entry(1, 422, '{path} is a checkpoint that was quantized already', 'Give the original checkpoint in float32, float16 or bfloat16.'),
  TARA_TENSOR_UNKNOWN: entry(1, 422, '{path}: tensor {tensor} is unknown to the architecture {architecture}', 'Configuration and weights disagree, or the checkpoint is a variant; download both from the same revision.'),
  TARA_TENSOR_DUPLICATE: entry(1, 422, '{path}: tensor {tensor} is also stored as {other}', 'Keep one of the two; the checkpoint mixes the names of two programs.'),
  TARA_TENSOR_DTYPE: entry(1, 422, '{path}: tensor {tensor} is of type {dtype}', 'Give a checkpoint of {known} tensors.'),
  TARA_ADAPTER_MISMATCH: entry(1, 422, 'the adapter {path} does not fit the base: {reason}', 'Give the base it was trained on (base_model_name_or_path in its adapter_config.json).'),
  TARA_LORA_UNSUPPORTED: entry(1, 422, 'the adapter {path} cannot be written as a GGUF LoRA: {reason}', 'Merge it into the base instead: `convert BASE --adapter DIR`; for a phase, `build-phase N --layout merged`.'),
  TARA_MERGE_MISMATCH: entry(1, 422, '{path} and {other} cannot be merged: {reason}', 'Give two models of one architecture, with the same sizes, tied or untied alike, and the same vocabulary.'),
  TARA_TOKENIZER_MISSING: entry(1, 422, '{path} has no tokenizer', 'Put tokenizer.json or tokenizer.model, with tokenizer_config.json, beside the weights.'),
  TARA_TOKENIZER_INVALID: entry(1, 422, '{path} is not a usable tokenizer: {reason}', 'Download the tokenizer again from the same revision as the weights.'),
  TARA_PRETOKENIZER_UNKNOWN: entry(1, 422, '{path}: its pre-tokenizer is unknown (hash {hash}); {advice}', 'Check that the tokenizer is unchanged; where llama.cpp has a pre-tokenizer that equals it, name it with --pre-tokenizer (preTokenizer in the library).'),
  TARA_PRETOKENIZER_MISMATCH: entry(1, 422, '{path} hashes as the pre-tokenizer {name} but splits text otherwise: {advice}', 'Download tokenizer.json again, or name the pre-tokenizer with --pre-tokenizer (preTokenizer in the library).'),
  // plan and quantization
  TARA_PLAN_INVALID: entry(1, 422, 'the plan is not valid: {reason}', 'Print it with --dry-run; a plan runs only on the files it was made for.'),
  TARA_TYPE_UNKNOWN: entry(2, 400, 'unknown quantization {type}', 'One of: {known}.'),
  TARA_TYPE_NEEDS_IMATRIX: entry(2, 400, '{type} needs an importance matrix', 'Give one with --imatrix, or choose a type that needs none: {known}.'),
  TARA_IMATRIX_INVALID: entry(1, 422, '{path} cannot be used as an importance matrix: {reason}', 'Make one of the same model: `tara-gguf imatrix MODEL --text FILE --output FILE`; or go on without it.'),
  TARA_FEEDBACK_INVALID: entry(1, 422, '{path} cannot be used for error feedback: {reason}', 'Make one of the same model: `tara-gguf imatrix MODEL --text FILE --output FILE --feedback FILE`; or go on without it.'),
  TARA_TENSOR_NOT_FINITE: entry(1, 422, 'tensor {tensor} cannot be used: {reason}', 'The weights are damaged; download or train them again. `tara-gguf verify PATH` lists such tensors.'),
  TARA_PRUNING_REFUSED: entry(1, 422, '{path} cannot be pruned so: {reason}', 'docs/compression.md says which models lose what; `--compression-type standard` and `hybrid` take every model.'),
  // engine
  TARA_NATIVE_LOAD: entry(1, 500, 'the native addon did not load: {reason}', 'Run `npm run setup` to build it, and `tara-gguf doctor` to see what is missing.'),
  TARA_MODEL_LOAD: entry(1, 422, 'llama.cpp cannot load {path}: {reason}', 'Check the file with `tara-gguf verify FILE`.'),
  TARA_OUT_OF_MEMORY: entry(1, 507, 'not enough memory: {reason}', 'Use a smaller model, fewer slots or a shorter context.'),
  TARA_MODEL_TOO_LARGE: entry(1, 507, '{path} has {bytes} bytes, all models together may take {budget}', 'Give more memory to models, or use a smaller quantization.'),
  TARA_MEMORY_BUSY: entry(1, 503, 'no memory for {path} became free within {seconds} s', 'Ask again later, or give more memory to models.'),
  TARA_NO_REPLICA: entry(1, 503, 'there is no model to ask', 'Name one model at least.'),
  TARA_DISPOSED: entry(1, 410, '{what} was disposed', 'Load it again before use.'),
  TARA_CONTEXT_FULL: entry(1, 400, 'the prompt has {tokens} tokens, the context holds {limit}', 'Shorten the prompt or load the model with a larger contextSize.'),
  TARA_MODEL_UNSUPPORTED: entry(1, 422, '{path} cannot be used for this: {reason}', 'Use a decoder model (Llama, Qwen, Gemma, …) to generate, a sentence encoder to embed.'),
  TARA_PROMPT_EMPTY: entry(1, 400, 'there is no token to work on: the text is empty', 'Give a text that is not empty; to score, one of at least two tokens.'),
  TARA_CHAT_TEMPLATE: entry(1, 422, 'the chat template failed: {reason}', 'Check the messages (roles, order), or pass one string as the prompt, which needs no template.'),
  TARA_TEXT_TOO_SHORT: entry(1, 422, 'the text has {tokens} tokens, {needed} are needed', 'Give more text, a shorter contextSize (--context), or an earlier first chunk.'),
  TARA_REFERENCE_MISMATCH: entry(1, 422, '{path} cannot be compared with the reference: {reason}', 'Compare models that were made from one base and keep its vocabulary.'),
  TARA_GRAMMAR_INVALID: entry(1, 400, 'the grammar cannot be used: {reason}', 'Give GBNF with a rule named root; docs/library.md says what is refused.'),
  TARA_JSON_SCHEMA_UNSUPPORTED: entry(1, 400, 'the JSON schema cannot be used: {reason}', 'Use what docs/library.md lists; a $ref must point into the same schema.'),
  TARA_STATE_INVALID: entry(1, 422, '{path} cannot be used as a saved conversation: {reason}', 'Save it again from the model, with the adapters that the model was loaded with.'),
  TARA_QUEUE_FULL: entry(1, 429, '{queued} requests wait already', 'Ask again in a moment, or load the model with more slots or a larger maxQueued.'),
  TARA_QUEUE_TIMEOUT: entry(1, 503, 'no slot became free within {ms} ms', 'Ask again later, load the model with more slots, or raise queueTimeoutMs.'),
  TARA_LOGITS_INVALID: entry(1, 500, 'the model computed no usable probabilities (NaN or infinite)', 'The weights are damaged or badly quantized; build or download the model again.'),
  TARA_DECODE_FAILED: entry(1, 500, 'llama.cpp could not decode: {reason}', 'Load the model again; with less memory, a shorter contextSize or fewer slots.'),
  // kernel and plugins
  TARA_PLUGIN_LOAD: entry(1, 422, 'plugin {plugin} cannot be loaded: {reason}', 'Check the name or path in tara.config; relative paths start at that file.'),
  TARA_PLUGIN_SHAPE: entry(1, 422, 'plugin {plugin} is no plugin: {reason}', 'Export the result of definePlugin as default; docs/plugins.md shows its fields.'),
  TARA_PLUGIN_API_VERSION: entry(1, 422, 'plugin {plugin} is written for plugin API {actual}, this is API {expected}', 'Install a version of the plugin for this API.'),
  TARA_PLUGIN_KERNEL_RANGE: entry(1, 422, 'plugin {plugin} needs kernel {range}, this is {kernel}', 'Install a version of the plugin, or of tara-gguf, that fits.'),
  TARA_PLUGIN_DUPLICATE: entry(1, 409, 'plugin {plugin} is loaded twice', 'Name it once in tara.config; to replace a built-in plugin, put its name under disable.'),
  TARA_PLUGIN_CONFIG: entry(2, 400, 'configuration of plugin {plugin}: {reason}', 'Correct config.{plugin} in tara.config.'),
  TARA_PLUGIN_DEPENDENCY_MISSING: entry(1, 422, 'plugin {plugin} requires {dependency}, {reason}', 'Add it to plugins in tara.config, in a version that fits.'),
  TARA_PLUGIN_DEPENDENCY_FAILED: entry(1, 424, 'plugin {plugin} requires {dependency}, which failed: {reason}', 'Repair {dependency} first; `tara-gguf plugins` shows its error.'),
  TARA_PLUGIN_CYCLE: entry(1, 422, 'plugin {plugin} requires itself: {cycle}', 'Remove one of these requirements, or make it a hook.'),
  TARA_PLUGIN_CAPABILITY_CLASH: entry(1, 409, 'plugins {other} and {plugin} both provide {capability}', 'Choose one in tara.config: name it as {capability} under capabilities.'),
  TARA_PLUGIN_COMMAND_CLASH: entry(1, 409, 'plugin {plugin} names the command {command}, which {other} has', 'Remove one of the two plugins from tara.config.'),
  TARA_PLUGIN_HOOK_CLASH: entry(1, 409, 'plugin {plugin} declares the hook {hook}, which {other} has', 'Prefix a hook with its plugin: {plugin}:name.'),
  TARA_PLUGIN_HOOK_UNKNOWN: entry(1, 422, 'plugin {plugin} handles the hook {hook}, which does not exist', 'docs/plugins.md lists the hooks; if it belongs to a plugin that may be absent, name that plugin under optional.'),
  TARA_PLUGIN_PROVIDES: entry(1, 422, 'plugin {plugin}: {reason}', 'provides must name exactly the capabilities that register provides.'),
  TARA_PLUGIN_LATE: entry(1, 409, 'plugin {plugin} called {call} outside register', 'Call it during register, before its promise resolves.'),
  TARA_PLUGIN_REGISTER_FAILED: entry(1, 500, 'plugin {plugin} failed to register: {reason}', 'Report it to the author of the plugin, or remove it from tara.config.'),
  TARA_PLUGIN_START_FAILED: entry(1, 500, 'plugin {plugin} failed to start: {reason}', 'Report it to the author of the plugin, or remove it from tara.config.'),
  TARA_PLUGIN_START_TIMEOUT: entry(1, 504, 'plugin {plugin} did not {step} within {ms} ms', 'Report it to the author of the plugin, or raise timeouts.{step} in tara.config.'),
  TARA_PLUGIN_STOP_FAILED: entry(1, 500, 'plugin {plugin} failed to stop: {reason}', 'Report it to the author of the plugin; everything else was stopped.'),
  TARA_PLUGIN_STOP_TIMEOUT: entry(1, 504, 'plugin {plugin} did not stop within {ms} ms', 'Report it to the author of the plugin; everything else was stopped.'),
  TARA_PLUGIN_COMMAND_LOAD: entry(1, 500, 'command {command} of plugin {plugin} cannot be loaded: {reason}', 'Report it to the author of the plugin.'),
  TARA_HOOK_FAILED: entry(1, 500, 'plugin {plugin} failed in hook {hook}: {reason}', '{advice}'),
  TARA_HOOK_TIMEOUT: entry(1, 504, 'plugin {plugin} did not answer hook {hook} within {ms} ms', 'Report it to the author of the plugin, or raise timeouts.hook in tara.config.'),
  TARA_SERVICE_NAME: entry(1, 500, '"{token}" is no name for a service', 'Use lower case letters and digits, parts joined by a dot or dash: my-plugin.cache.'),
  TARA_SERVICE_UNKNOWN: entry(1, 500, '{user} asked for the service {token}, which nobody it may ask provides', 'Name the plugin that provides it under requires or optional.'),
  TARA_SERVICE_TWICE: entry(1, 409, '{user} provides the service {token} twice', 'Provide it once; give the second one another token.'),
  TARA_SERVICE_CYCLE: entry(1, 500, 'the service {token} needs itself: {cycle}', 'Look one of them up at its first call, not in its factory.'),
  TARA_SERVICE_FAILED: entry(1, 500, 'the service {token} of {plugin} cannot be made: {reason}', '`tara-gguf plugins` shows the state of every plugin.'),
  TARA_CAPABILITY_MISSING: entry(1, 503, 'no running plugin provides the capability {capability}', '`tara-gguf plugins` shows which plugin failed; without one, add a plugin that provides it.'),
  TARA_CONFIG_UNUSED: entry(2, 400, '{key} in tara.config has no effect: {reason}', 'Correct the name or remove it; `tara-gguf plugins` lists the plugins.'),
  TARA_CONFIG_FILE_INVALID: entry(1, 422, '{path}: {reason}', 'Correct the file; docs/plugins.md shows its form.'),
  // phases
  TARA_REGISTRY_BUSY: entry(1, 503, 'the registry {path} is in use by another process', 'Wait until the other command ends and run this one again.'),
  TARA_REGISTRY_CORRUPT: entry(1, 500, '{path} is no readable registry: {reason}', 'Nothing was overwritten. Restore a copy, or move registry.db (with its -wal and -shm) away to start anew; deployed releases do not depend on it.'),
  TARA_REGISTRY_NEWER: entry(1, 409, '{path} was written by a newer tara-gguf (schema {found}, this one knows {known})', 'Update tara-gguf, or give another folder with --home.'),
  TARA_NAME_INVALID: entry(2, 400, '{name} is no valid {what}', 'Use {rule}.'),
  TARA_TRANSITION_INVALID: entry(1, 409, '{what} cannot go from {from} to {to}', 'Allowed from {from}: {allowed}.'),
  TARA_PHASE_NOT_FOUND: entry(1, 404, 'there is no phase {phase}', 'See `tara-gguf list-phases`, or make it: `tara-gguf create-phase {phase} --domains NAME`.'),
  TARA_PHASE_EXISTS: entry(1, 409, 'phase {phase} already exists', 'See `tara-gguf show-phase {phase}`; add domains with `tara-gguf add-domain {phase} NAME`.'),
  TARA_PHASE_BUSY: entry(1, 409, 'phase {phase} is being built by process {pid}', 'Wait for that build to end, or stop it; then run the command again.'),
  TARA_PHASE_NO_DOMAIN: entry(1, 409, 'phase {phase} has no complete domain', 'Train an adapter, then `tara-gguf update-domain NAME --status complete`; domains now: {domains}.'),
  TARA_PHASE_NOT_BUILT: entry(1, 409, 'phase {phase} has no good build', 'Run `tara-gguf build-phase {phase}`.'),
  TARA_BASE_MISSING: entry(1, 400, 'phase {phase} has no base model', 'Give --base PATH, create the phase with one, or set TARA_BASE; adapters name theirs in adapter_config.json where it is a local path.'),
  TARA_CALIBRATION_MISSING: entry(1, 400, 'no calibration text for {domains}', 'Give it with `tara-gguf add-domain {phase} NAME --calibration FILE`, or a folder of NAME.jsonl files with --calibration DIR; it must not be the text that is measured on.'),
  TARA_LAYOUT_ADAPTER: entry(1, 422, 'the adapter of {domain} cannot be a file of its own: {reason}', 'Build with --layout merged, or with --layout per-domain, which merges it into a base of its own.'),
  TARA_PHASE_NOT_FINISHED: entry(1, 409, 'phase {phase} is not finished: {missing}', 'Next: {next}.'),
  TARA_DOMAIN_NOT_FOUND: entry(1, 404, 'no domain {domain} in {where}', 'Known domains: {known}. Add it with `tara-gguf add-domain N {domain}`.'),
  TARA_BUILD_NOT_RUNNING: entry(1, 409, 'build {build} is not running (it is {status})', 'Another command ended it; see `tara-gguf show-phase`, then build again.'),
  TARA_RELEASE_NOT_FOUND: entry(1, 404, 'there is no release {release}', 'See `tara-gguf releases`.'),
  // plugins
  TARA_EMOTION_WEIGHTS: entry(1, 500, '{path} is not a usable weights file: {reason}', 'Install tara-gguf again; `node scripts/train-emotion.mjs` makes the same file from the data.'),
  TARA_COMPRESSION_UNAVAILABLE: entry(2, 400, 'compression type {compressionType} is not available', 'Available: {available}.'),
  TARA_TARGET_SIZE: entry(1, 422, 'no mix of types fits {budget} bytes', 'The smallest has {bytes} bytes; raise --target-size.'),
  TARA_QUALITY_UNREACHED: entry(1, 422, 'no mix within {bytes} bytes reaches {wanted}', 'The best measured has {agreement} % agreement and a KL divergence of {kld}; lower --quality-threshold, or raise --target-size.'),
  TARA_PRUNING_UNREACHED: entry(1, 422, 'no pruned model reaches {wanted}', 'The best that was measured: {best}; ask for less with --sparsity, --target-size or --max-kl.'),
  TARA_COMPRESSION_BUDGET: entry(1, 422, 'no preset fits {budget} bytes', 'The smallest is {preset} with {bytes} bytes; raise --target-size.'),
  // training
  TARA_TRAINING_UNSUPPORTED: entry(1, 422, '{path} cannot be trained: {reason}', 'Architectures with a training graph: {available}.'),
  TARA_TRAINING_DIVERGED: entry(1, 500, 'the training came to no number at step {step}', 'The last good state was kept; lower --rate, or check that student and teacher answer at all.'),
  // cleanup
  TARA_CLEANUP_UNFINISHED: entry(1, 500, 'cleaning in place stopped ({reason}) and could not be taken back; nothing is lost: {path}', 'Free space or mend the permissions, then run `tara-gguf clean-model {path} --undo`.'),
  TARA_UNDO_NOTHING: entry(1, 404, 'there is nothing to undo for {path}', 'Give the folder that was cleaned in place, or its trash folder (NAME.trash-DATE) with undo.json in it.'),
  TARA_CLEANUP_INVALID: entry(1, 422, '{path} cannot be built from: {issue}', '`tara-gguf clean-model {path} --dry-run` lists everything that is wrong.'),
  // deploy
  TARA_DEPLOY_BUSY: entry(1, 409, '{target} is being deployed to by process {pid}', 'Wait for that command to end, or stop it; then run the command again.'),
  TARA_DEPLOY_REFUSED: entry(1, 409, 'plugin {plugin} refuses the deployment: {reason}', 'Settle what it names, or remove the plugin from tara.config; nothing was written.'),
  TARA_DEPLOY_TARGET: entry(1, 422, '{target} cannot be used as a deployment target: {reason}', 'Choose an empty folder, or one that deploy-phase has made.'),
  TARA_DEPLOY_CORRUPT: entry(1, 422, 'release {release} is damaged: {issue}', '`tara-gguf verify TARGET` lists what is wrong; deploy the phase again.'),
  TARA_DEPLOY_NO_PREVIOUS: entry(1, 409, '{target} has no release before the current one', '`tara-gguf releases {target}` lists them; name one with --to ID.'),
  TARA_SMOKE_TEST: entry(1, 422, 'the release failed its smoke test: {reason}', 'The old release stays current. Build the phase again, or add a golden query for the domain in tara.config; `--no-smoke-test` deploys what this machine cannot load.'),
  TARA_KEY_INVALID: entry(1, 422, '{path} is not a usable key: {reason}', 'Make a pair with `tara-gguf keys create`; sign with NAME.key, verify with NAME.pub.'),
  TARA_CHECKLIST_OPEN: entry(1, 409, 'phase {phase} is not ready for production: {items}', 'See `tara-gguf checklist {phase}`; settle what fails, or waive it: `tara-gguf checklist {phase} --waive ITEM --reason TEXT --by NAME`.'),
  TARA_DEMO_MODEL: entry(1, 502, 'the demo model could not be fetched: {reason}', 'Check the network and pip, or give a file with --model.'),
  // command line
  TARA_NOT_BUILT: entry(1, 500, 'tara-gguf is not built', 'Run `npm run setup`.'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

const fill = (template: string, fields: ErrorFields): string =>
  template.replace(/\{(\w+)\}/g, (_, name: string) => String(fields[name] ?? `<${name}>`));

/** An error with a stable string `code`; `message` is one line, `hint` the way out. */
export class TaraError extends Error {
  override readonly name = 'TaraError';
  readonly code: ErrorCode;
  readonly fields: ErrorFields;

  constructor(code: ErrorCode, fields: ErrorFields = {}, options?: { cause?: unknown }) {
    super(fill(ERRORS[code].message, fields), options);
    this.code = code;
    this.fields = fields;
  }

  get hint(): string {
    return fill(ERRORS[this.code].hint, this.fields);
  }

  get exitCode(): 1 | 2 {
    return ERRORS[this.code].exit;
  }

  get httpStatus(): number {
    return ERRORS[this.code].http;
  }

  /** The plain form that crosses threads, processes and --json. */
  toJSON(): { code: ErrorCode; message: string; hint: string; fields: ErrorFields } {
    return { code: this.code, message: this.message, hint: this.hint, fields: this.fields };
  }
}

export const isErrorCode = (code: unknown): code is ErrorCode => typeof code === 'string' && Object.hasOwn(ERRORS, code);

/** The error of a plain form made by `toJSON` or by the addon; an unknown code becomes TARA_INTERNAL. */
export function fromPlain(plain: { code: string; fields?: ErrorFields }): TaraError {
  if (isErrorCode(plain.code)) return new TaraError(plain.code, plain.fields ?? {});
  return new TaraError('TARA_INTERNAL', { reason: `unknown error code ${plain.code}` });
}

/** Any thrown value as a TaraError; a foreign error keeps itself as the cause. */
export function asTaraError(thrown: unknown): TaraError {
  if (thrown instanceof TaraError) return thrown;
  if (thrown instanceof Error && thrown.name === 'AbortError') return new TaraError('TARA_ABORTED', {}, { cause: thrown });
  return new TaraError('TARA_INTERNAL', { reason: thrown instanceof Error ? thrown.message : String(thrown) }, { cause: thrown });
}
