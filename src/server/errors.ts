/** Errors in the form that OpenAI's clients read. */
import type { z } from 'zod';
import { asTaraError, TaraError, type ErrorCode } from '../errors.js';
import type { errorSchema } from './schemas/error.js';

export type ErrorBody = z.infer<typeof errorSchema>;

/** Where OpenAI has a name for an error, clients know that one. */
const OPENAI_CODES: Partial<Record<ErrorCode, string>> = {
  TARA_MODEL_UNKNOWN: 'model_not_found', TARA_KEY_REFUSED: 'invalid_api_key', TARA_RATE_LIMITED: 'rate_limit_exceeded', TARA_CONTEXT_FULL: 'context_length_exceeded',
};

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}

/** What the library calls an option, by what a request calls it. */
const PARAMS: Readonly<Record<string, string>> = {
  maxTokens: 'max_tokens', topK: 'top_k', topP: 'top_p', minP: 'min_p', typicalP: 'typical_p', repeatPenalty: 'repeat_penalty', repeatLastN: 'repeat_last_n',
  presencePenalty: 'presence_penalty', frequencyPenalty: 'frequency_penalty', logitBias: 'logit_bias', jsonSchema: 'response_format', queueTimeoutMs: 'queue_timeout_ms',
};

const paramOf = ({ fields }: TaraError): string | null => {
  const named = fields.param ?? fields.option;
  return typeof named === 'string' ? (PARAMS[named] ?? named) : null;
};

/** No paths of this machine for those who ask. */
function messageOf(error: TaraError): string {
  const path = error.fields.path;
  const message = typeof path === 'string' ? error.message.replaceAll(path, path.slice(path.lastIndexOf('/') + 1)) : error.message;
  return error.httpStatus >= 500 && error.code === 'TARA_INTERNAL' ? 'internal error' : message;
}

export function errorBody(error: TaraError): ErrorBody {
  return { error: { message: messageOf(error), type: typeOf(error.httpStatus), param: paramOf(error), code: OPENAI_CODES[error.code] ?? error.code } };
}

/** Whatever was thrown, Fastify's own errors among it, as one of ours. */
export function requestError(thrown: unknown, bodyLimit: number): TaraError {
  if (thrown instanceof TaraError) return thrown;
  const { code, statusCode, message } = (thrown ?? {}) as { readonly code?: unknown; readonly statusCode?: unknown; readonly message?: unknown };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new TaraError('TARA_BODY_TOO_LARGE', { limit: bodyLimit });
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) return new TaraError('TARA_REQUEST_INVALID', { param: 'body', reason: String(message) });
  return asTaraError(thrown);
}
