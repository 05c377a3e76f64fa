/** POST /v1/chat/completions: messages in, an answer out; from one model, or through emotion and router. */
import { TaraError } from '../../errors.js';
import type { GenerateOptions, GenerationResult, ToolCall, Usage } from '../../engine/index.js';
import { messagesOf } from '../answers/messages.js';
import { chatLogprobs } from '../answers/logprobs.js';
import { answering, chatAnswers, modelAnswers, type Answers } from '../answers/source.js';
import { endpoint, type Call } from '../endpoint.js';
import { FINGERPRINT, newId, now } from '../ids.js';
import { chatRequest, chatResponse, type ChatRequestBody, type ChatResponseBody } from '../schemas/chat.js';
import { samplingOptions } from '../schemas/sampling.js';
import { timingsBody } from '../schemas/timings.js';
import { usageBody } from '../schemas/usage.js';
import type { Serving } from '../serving/index.js';
import { merge } from '../stream/merge.js';
import { sendEvents } from '../stream/sse.js';
import { toolRequest } from '../tools/request.js';
import { withCalls, type ChatAnswerEvent } from '../tools/stage.js';

function optionsOf(body: ChatRequestBody, signal: AbortSignal): GenerateOptions {
  if (body.top_logprobs != null && body.logprobs !== true) throw new TaraError('TARA_REQUEST_INVALID', { param: 'top_logprobs', reason: 'only with logprobs' });
  return {
    ...samplingOptions({ ...body, max_tokens: body.max_completion_tokens ?? body.max_tokens }),
    ...(body.logprobs === true ? { logprobs: body.top_logprobs ?? 0 } : {}),
    signal,
  };
}

async function answersTo({ body, service }: Call<ChatRequestBody>, serving: Serving, options: GenerateOptions): Promise<Answers> {
  const messages = messagesOf(body.messages);
  const named = answering(serving, body.model);
  const n = body.n ?? 1;
  if (named.kind === 'chat') {
    if (n > 1) throw new TaraError('TARA_REQUEST_INVALID', { param: 'n', reason: 'one answer only where emotion and router choose who gives it' });
    return chatAnswers(service, serving, named, messages, options, body.user ?? undefined);
  }
  const { seed } = options;
  return modelAnswers(service, serving, named, Array.from({ length: n }, (_, index) => ({ prompt: messages, options: seed === undefined ? options : { ...options, seed: seed + index } })));
}

async function* chunks(choices: readonly AsyncIterable<ChatAnswerEvent>[], head: object, wantsLogprobs: boolean, includeUsage: boolean): AsyncGenerator<object> {
  const usages: Usage[] = [];
  const generations: (GenerationResult | undefined)[] = [];
  const calls = choices.map(() => -1);
  const begun = new Set<number>();
  const chunk = (index: number, delta: object, logprobs: unknown = null, finish: string | null = null) => ({ ...head, choices: [{ index, delta, logprobs, finish_reason: finish }], ...(includeUsage ? { usage: null } : {}) });
  for await (const { index, value: event } of merge(choices)) {
    if (!begun.has(index)) {
      begun.add(index);
      yield chunk(index, { role: 'assistant', content: null });
    }
    switch (event.type) {
      case 'text':
        if (event.text === '' && !event.logprobs) break;
        yield chunk(index, { content: event.text }, wantsLogprobs && event.logprobs ? chatLogprobs(event.logprobs) : null);
        break;
      case 'call':
        calls[index] = (calls[index] ?? -1) + 1;
        yield chunk(index, { tool_calls: [{ index: calls[index], id: event.id, type: 'function', function: { name: event.name, arguments: '' } }] });
        break;
      case 'arguments':
        yield chunk(index, { tool_calls: [{ index: calls[index], function: { arguments: event.text } }] });
        break;
      case 'end':
        usages.push(event.usage);
        generations.push(event.generation);
        yield chunk(index, {}, null, event.finishReason);
    }
  }
  if (includeUsage) yield { ...head, choices: [], usage: usageBody(usages), ...timingsBody(generations) };
}

const callBody = ({ id, name, arguments: given }: { readonly id: string; readonly name: string; readonly arguments: string }): ToolCall => ({ id, type: 'function', function: { name, arguments: given } });

interface Whole {
  readonly generation: GenerationResult | undefined;
  readonly choice: ChatResponseBody['choices'][number];
  readonly usage: Usage;
}

async function whole(events: AsyncIterable<ChatAnswerEvent>, index: number, wantsLogprobs: boolean): Promise<Whole> {
  let text = '';
  const calls: { readonly id: string; readonly name: string; arguments: string }[] = [];
  const logprobs = [];
  for await (const event of events) {
    switch (event.type) {
      case 'text':
        text += event.text;
        logprobs.push(...event.logprobs ?? []);
        break;
      case 'call':
        calls.push({ id: event.id, name: event.name, arguments: '' });
        break;
      case 'arguments': {
        const last = calls.at(-1);
        if (last) last.arguments += event.text;
        break;
      }
      case 'end': {
        const content = calls.length > 0 && text.trim() === '' ? null : text;
        const message = { role: 'assistant' as const, content, refusal: null, ...(calls.length > 0 ? { tool_calls: calls.map(callBody) } : {}) };
        return { choice: { index, message, logprobs: wantsLogprobs ? chatLogprobs(logprobs) : null, finish_reason: event.finishReason }, usage: event.usage, generation: event.generation };
      }
    }
  }
  throw new TaraError('TARA_INTERNAL', { reason: 'an answer without an end' });
}

export default endpoint<ChatRequestBody>({
  method: 'POST', path: '/v1/chat/completions', aliases: ['/chat/completions'], tag: 'openai', summary: 'Answer a conversation',
  body: chatRequest, response: chatResponse, streams: true, errors: [404, 422],
  async handle(call) {
    const { body, service, reply, signal } = call;
    using visit = service.rotation.enter();
    const { form, options } = toolRequest(body);
    const answers = await answersTo(call, visit.serving, { ...optionsOf(body, signal), ...options });
    reply.headers(answers.headers);
    const choices = answers.choices.map((events) => withCalls(events, form));
    const head = { id: newId('chatcmpl'), created: now(), model: body.model ?? 'default', system_fingerprint: FINGERPRINT };
    const wantsLogprobs = body.logprobs === true;
    if (body.stream === true) {
      await sendEvents(reply, chunks(choices, { object: 'chat.completion.chunk', ...head }, wantsLogprobs, body.stream_options?.include_usage === true), signal);
      return undefined;
    }
    const all = await Promise.all(choices.map((events, index) => whole(events, index, wantsLogprobs)));
    return { object: 'chat.completion', ...head, choices: all.map(({ choice }) => choice), usage: usageBody(all.map(({ usage }) => usage)), ...timingsBody(all.map(({ generation }) => generation)) } satisfies ChatResponseBody;
  },
});
