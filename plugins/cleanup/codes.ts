/** Every issue that the checks can report, and the part of the score that it counts against. docs/cleanup.md has this table. */

export type Part = 'files' | 'weights' | 'configuration' | 'vocabulary' | 'security';
export const PARTS: readonly Part[] = ['files', 'weights', 'configuration', 'vocabulary', 'security'];

interface Issue {
  readonly part: Part;
  readonly about: string;
}

const issue = (part: Part, about: string): Issue => ({ part, about });

export const ISSUES = {
  MISSING_FILE: issue('files', 'a file that the folder needs is not there'),
  UNKNOWN_KIND: issue('files', 'neither a model, an adapter nor a GGUF file'),
  OVERSIZED_FILE: issue('files', 'a file above --max-file-size; removed'),
  SYMLINK_ESCAPE: issue('files', 'a link that leads out of the folder; removed, never followed'),
  SPECIAL_FILE: issue('files', 'a pipe, socket or device; removed, never opened'),
  UNREADABLE_FILE: issue('files', 'a file that the system does not let us read; removed'),
  CHANGED_FILE: issue('files', 'a file that is not what the manifest says'),
  EXTRA_FILE: issue('files', 'a file that the manifest does not list'),
  BAD_MANIFEST: issue('files', 'the manifest beside the folder cannot be read'),
  BAD_SAFETENSORS: issue('weights', 'a weight file or index that is no sound safetensors; removed'),
  TRUNCATED_SAFETENSORS: issue('weights', 'a weight file that ends too early; removed'),
  UNSUPPORTED_DTYPE: issue('weights', 'tensors of a type that cannot be converted, or packed as `quantization_config` says (their shapes are then not compared)'),
  NAN_TENSOR: issue('weights', 'a tensor with NaN or infinite values'),
  MISSING_TENSOR: issue('weights', 'a tensor that the configuration calls for is in no file'),
  DUPLICATE_TENSOR: issue('weights', 'a tensor that lies in two shards'),
  BAD_GGUF: issue('weights', 'a GGUF file that no loader can use'),
  BAD_JSON: issue('configuration', 'JSON that does not parse; left alone. A warning in files that the model does without, and where a key stands twice'),
  MISSING_CONFIG_FIELD: issue('configuration', 'a field that is missing; restored where the rest leaves one answer'),
  SHAPE_MISMATCH: issue('configuration', 'configuration and tensors contradict each other: sizes, numbers that are no sizes, special tokens beyond the embedding'),
  BAD_ADAPTER_CONFIG: issue('configuration', 'an adapter_config.json that PEFT could not use; the old form is converted'),
  INCOMPATIBLE_ADAPTER: issue('configuration', 'an adapter of another method or another base'),
  BASE_UNKNOWN: issue('configuration', 'the shapes of the base are not known, so the adapter was not compared with it'),
  TOKENIZER_INVALID: issue('vocabulary', 'a vocabulary that cannot be used, or ids beyond the embedding'),
  PICKLE_FILE: issue('security', 'a pickle, which can run any code when it is opened; removed, never opened'),
  SECRET_FOUND: issue('security', 'a token or key in a configuration; taken out of the cleaned folder'),
  CODE_FILE: issue('security', 'a program (custom modeling code, a script); it stays'),
  EXECUTABLE_FILE: issue('security', 'a compiled program or library; it stays'),
  ARCHIVE_FILE: issue('security', 'an archive, whose content was not looked at; it stays'),
  CHAT_TEMPLATE: issue('security', 'a chat template that does not parse, that a sandbox refuses, or that may not end'),
  CHECK_FAILED: issue('security', "a plugin's check ended with an error"),
} as const satisfies Readonly<Record<string, Issue>>;

export type IssueCode = keyof typeof ISSUES;
