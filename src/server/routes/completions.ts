/** POST /v1/completions: a prompt goes on. */
import { answering, modelAnswers, type Asked } from '../answers/source.js';
import { collect } from '../answers/collect.js';
import type { AnswerEvent } from '../answers/events.js';
import { completionLogprobs } from '../answers/logprobs.js';
import { endpoint } from '../endpoint.js';
import { FINGERPRINT, newId, now } from '../ids.js';
import { completionRequest, completionResponse, type CompletionRequestBody, type CompletionResponseBody } from '../schemas/completion.js';
import { inputsOf } from '../schemas/inputs.js';
import { samplingOptions } from '../schemas/sampling.js';
import { timingsBody } from '../schemas/timings.js';
import { usageBody } from '../schemas/usage.js';
import { merge } from '../stream/merge.js';
import { sendEvents } from '../stream/sse.js';

/** `n` answers to each prompt, those of one prompt side by side; each of them with a seed of its own. */
function askedOf(body: CompletionRequestBody, prompts: readonly (string | Int32Array)[], signal: AbortSignal): Asked[] {
  const options = { ...samplingOptions(body), ...(body.logprobs == null ? {} : { logprobs: body.logprobs }), signal };
  return prompts.flatMap((prompt) => Array.from({ length: body.n ?? 1 }, (_, index) => ({ prompt, options: options.seed === undefined ? options : { ...options, seed: options.seed + index } })));
}

async function* chunks(choices: readonly AsyncIterable<AnswerEvent>[], head: object, wantsLogprobs: boolean, prompts: number, includeUsage: boolean): AsyncGenerator<object> {
  const usages = [];
  const generations = [];
  const offsets = choices.map(() => 0);
  for await (const { index, value: event } of merge(choices)) {
    if (event.type === 'end') {
      usages.push(event.usage);
      generations.push(event.generation);
      yield { ...head, choices: [{ index, text: '', logprobs: null, finish_reason: event.finishReason }] };
      continue;
    }
    const offset = offsets[index] ?? 0;
    offsets[index] = offset + event.text.length;
    yield { ...head, choices: [{ index, text: event.text, logprobs: wantsLogprobs ? completionLogprobs(event.logprobs ?? [], offset) : null, finish_reason: null }] };
  }
  if (includeUsage) yield { ...head, choices: [], usage: usageBody(usages, prompts), ...timingsBody(generations) };
}

export default endpoint<CompletionRequestBody>({
  method: 'POST', path: '/v1/completions', aliases: ['/completions'], tag: 'openai', summary: 'Continue a prompt',
  body: completionRequest, response: completionResponse, streams: true, errors: [404, 422],
  async handle({ body, service, reply, signal }) {
    using visit = service.rotation.enter();
    const prompts = inputsOf(body.prompt);
    const model = body.model ?? 'default';
    const answers = modelAnswers(service, visit.serving, answering(visit.serving, model), askedOf(body, prompts, signal));
    reply.headers(answers.headers);
    const head = { id: newId('cmpl'), object: 'text_completion' as const, created: now(), model, system_fingerprint: FINGERPRINT };
    const wantsLogprobs = body.logprobs != null;
    if (body.stream === true) {
      await sendEvents(reply, chunks(answers.choices, head, wantsLogprobs, prompts.length, body.stream_options?.include_usage === true), signal);
      return undefined;
    }
    const collected = await collect(answers.choices);
    return {
      ...head,
      choices: collected.map(({ text, logprobs, finishReason }, index) => ({ index, text, logprobs: wantsLogprobs ? completionLogprobs(logprobs) : null, finish_reason: finishReason })),
      usage: usageBody(collected.map(({ usage }) => usage), prompts.length),
      ...timingsBody(collected.map(({ generation }) => generation)),
    } satisfies CompletionResponseBody;
  },
});
