/**
 * Runs those cases of llama.cpp's own server test-suite that apply to ours, from the vendored tree, against a local model.
 * `node bench/llama-server-suite/run.mjs`, with TARA_TEST_MODEL, TARA_EMBEDDING_MODEL (all-MiniLM-L6-v2) and, where python3 is not it,
 * TARA_PYTHON, a Python that has the suite's requirements.txt. docs/server.md says why the other cases do not apply.
 */
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { ROOT } from '../../scripts/lib.mjs';

const APPLY = {
  test_basic: ['test_server_start_simple', 'test_no_ui'],
  test_chat_completion: [
    'test_completion_with_response_format', 'test_completion_with_json_schema', 'test_completion_with_grammar', 'test_completion_with_invalid_grammar', 'test_invalid_chat_completion_req',
    'test_chat_completion_with_timings_per_token', 'test_logprobs', 'test_logprobs_stream', 'test_logit_bias', 'test_chat_completions_multiple_choices',
  ],
  test_ctx_shift: ['test_ctx_shift_disabled_stream'],
  test_embedding: [
    'test_embedding_single', 'test_embedding_multiple', 'test_embedding_multiple_with_fa', 'test_embedding_mixed_input', 'test_embedding_pooling_mean', 'test_embedding_pooling_mean_multiple',
    'test_embedding_openai_library_single', 'test_embedding_openai_library_multiple', 'test_same_prompt_give_same_result', 'test_embedding_usage_single', 'test_embedding_usage_multiple',
    'test_embedding_openai_library_base64',
  ],
  test_security: ['test_access_public_endpoint', 'test_incorrect_api_key', 'test_openai_library_correct_api_key'],
  test_tokenize: ['test_tokenize_detokenize'],
};

/** Single sets of parameters that do not. */
const APART = [
  // Text and token ids mixed in one prompt.
  'unit/test_embedding.py::test_embedding_mixed_input[input3-False]', 'unit/test_embedding.py::test_embedding_mixed_input[input7-True]',
  // Two assistant messages at the end are the chat template's business.
  'unit/test_chat_completion.py::test_invalid_chat_completion_req[messages7]',
];

const { TARA_TEST_MODEL: model, TARA_EMBEDDING_MODEL: embeddingModel, TARA_PYTHON: python = 'python3' } = process.env;
if (!model || !embeddingModel) throw new Error('TARA_TEST_MODEL and TARA_EMBEDDING_MODEL name the models');

// Another server on the suite's port would answer in our place.
const free = createServer().listen(0, '127.0.0.1');
await once(free, 'listening');
const { port } = free.address();
free.close();

const cases = Object.entries(APPLY).flatMap(([file, names]) => names.map((name) => `unit/${file}.py::${name}`));
const { status } = spawnSync(python, ['-m', 'pytest', '-p', 'no:cacheprovider', '--tb=short', '-q', ...cases, ...APART.flatMap((one) => ['--deselect', one]), ...process.argv.slice(2)], {
  cwd: join(ROOT, 'vendor', 'llama.cpp', 'tools', 'server', 'tests'),
  stdio: 'inherit',
  env: {
    ...process.env, PYTHONDONTWRITEBYTECODE: '1', PORT: String(port), LLAMA_SERVER_BIN_PATH: join(ROOT, 'bench', 'llama-server-suite', 'stand-in.mjs'),
    TARA_SUITE_MODEL: model, TARA_SUITE_EMBEDDING_MODEL: embeddingModel,
  },
});
process.exitCode = status ?? 1;
