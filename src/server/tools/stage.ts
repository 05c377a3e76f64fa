/** An answer with its calls taken out of the text. */
import type { GenerationResult, ToolCall, TokenLogprob, Usage } from '../../engine/index.js';
import type { AnswerEvent } from '../answers/events.js';
import { callsIn } from './calls.js';
import { CallReader, type Found } from './reader.js';
import type { CallForm } from './request.js';

export type ChatAnswerEvent =
  | { readonly type: 'text'; readonly text: string; readonly logprobs?: readonly TokenLogprob[] | undefined }
  | { readonly type: 'call'; readonly call: ToolCall }
  | { readonly type: 'end'; readonly finishReason: 'stop' | 'length' | 'tool_calls'; readonly usage: Usage; readonly generation: GenerationResult | undefined };

async function* forced(events: AsyncIterable<AnswerEvent>): AsyncGenerator<ChatAnswerEvent> {
  let text = '';
  for await (const event of events) {
    if (event.type === 'text') {
      text += event.text;
      continue;
    }
    // Cut off in the middle it is no call.
    const calls = callsIn(text);
    if (calls === undefined) yield { type: 'text', text };
    for (const call of calls ?? []) yield { type: 'call', call };
    yield { ...event, finishReason: calls === undefined ? event.finishReason : 'tool_calls' };
  }
}

async function* free(events: AsyncIterable<AnswerEvent>, reader: CallReader): AsyncGenerator<ChatAnswerEvent> {
  let called = false;
  const tell = function* (found: Iterable<Found>): Generator<ChatAnswerEvent> {
    for (const one of found) {
      if ('call' in one) {
        called = true;
        yield { type: 'call', call: one.call };
      } else {
        yield { type: 'text', text: one.text };
      }
    }
  };
  for await (const event of events) {
    if (event.type === 'text') {
      yield* tell(reader.read(event.text));
      if (event.logprobs) yield { type: 'text', text: '', logprobs: event.logprobs };
    } else {
      yield* tell(reader.end());
      yield { ...event, finishReason: called ? 'tool_calls' : event.finishReason };
    }
  }
}

export function withCalls(events: AsyncIterable<AnswerEvent>, form: CallForm): AsyncIterable<ChatAnswerEvent> {
  switch (form.kind) {
    case 'none': return events;
    case 'forced': return forced(events);
    case 'free': return free(events, new CallReader(form.names, form.many));
  }
}
