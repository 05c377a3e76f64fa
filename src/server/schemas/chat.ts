/** POST /v1/chat/completions. */
import { z } from 'zod';
import { samplingFields } from './sampling.js';
import { timingsSchema } from './timings.js';
import { usageSchema } from './usage.js';

const contentPart = z.looseObject({ type: z.literal('text'), text: z.string() });
const content = z.union([z.string(), z.array(contentPart).min(1)]);

const toolCall = z.object({
  id: z.string().max(256),
  type: z.literal('function'),
  function: z.looseObject({ name: z.string().min(1).max(256), arguments: z.string() }),
});

const message = z.discriminatedUnion('role', [
  z.looseObject({ role: z.enum(['system', 'developer']), content, name: z.string().nullish() }),
  z.looseObject({ role: z.literal('user'), content, name: z.string().nullish() }),
  z.looseObject({ role: z.literal('assistant'), content: content.nullish(), tool_calls: z.array(toolCall).min(1).max(128).nullish(), name: z.string().nullish() }),
  z.looseObject({ role: z.literal('tool'), content, tool_call_id: z.string().max(256), name: z.string().nullish() }),
]);

const name = z.string().regex(/^[a-zA-Z0-9_.-]{1,128}$/);
const tool = z.looseObject({
  type: z.literal('function'),
  function: z.looseObject({ name, description: z.string().nullish(), parameters: z.record(z.string(), z.unknown()).nullish(), strict: z.boolean().nullish() }),
});

const schemaObject = z.record(z.string(), z.unknown());
const responseFormat = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object'), schema: schemaObject.nullish() }),
  z.looseObject({ type: z.literal('json_schema'), json_schema: z.looseObject({ name: z.string().nullish(), schema: schemaObject, strict: z.boolean().nullish() }) }),
]);

export const chatRequest = z.looseObject({
  ...samplingFields,
  messages: z.array(message).min(1).max(10_000).describe('The last one is the user\'s or a tool\'s where the model is `auto` or a domain.'),
  max_completion_tokens: samplingFields.max_tokens,
  tools: z.array(tool).max(128).nullish(),
  tool_choice: z.union([z.enum(['none', 'auto', 'required']), z.looseObject({ type: z.literal('function'), function: z.looseObject({ name }) })]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: responseFormat.nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
});

export type ChatRequestBody = z.infer<typeof chatRequest>;
export type RequestMessage = z.infer<typeof message>;
export type RequestTool = z.infer<typeof tool>;

const candidate = { token: z.string(), logprob: z.number(), bytes: z.array(z.int()).nullable() };
const logprobs = z.object({ content: z.array(z.object({ ...candidate, top_logprobs: z.array(z.object(candidate)) })).nullable() });

const finishReason = z.enum(['stop', 'length', 'tool_calls']);

export const chatResponse = z.object({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.int(),
  model: z.string(),
  system_fingerprint: z.string(),
  choices: z.array(z.object({
    index: z.int(),
    message: z.object({ role: z.literal('assistant'), content: z.string().nullable(), refusal: z.null(), tool_calls: z.array(toolCall).optional() }),
    logprobs: logprobs.nullable(),
    finish_reason: finishReason,
  })),
  usage: usageSchema,
  timings: timingsSchema.optional(),
});

export type ChatResponseBody = z.infer<typeof chatResponse>;
export type ChatLogprobs = z.infer<typeof logprobs>;
