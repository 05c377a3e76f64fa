/** An answer with its calls taken out of the text. */
import type { AnswerEvent } from '../answers/events.js';
import { CallReader } from './reader.js';
import type { CallForm } from './request.js';
import { CallScanner, type Found } from './scanner.js';

type End = Extract<AnswerEvent, { readonly type: 'end' }>;

export type ChatAnswerEvent =
  | Extract<AnswerEvent, { readonly type: 'text' }>
  | Exclude<Found, { readonly type: 'text' | 'called' }>
  | Omit<End, 'finishReason'> & { readonly finishReason: End['finishReason'] | 'tool_calls' };

interface Reader {
  read(text: string): Iterable<Found>;
  end(): Iterable<Found>;
}

/** A whole answer that is calls and nothing else. */
function callsAlone(): Reader {
  const scanner = new CallScanner(undefined);
  return { read: (text) => scanner.read(text), end: () => scanner.end('', '') };
}

async function* read(events: AsyncIterable<AnswerEvent>, reader: Reader): AsyncGenerator<ChatAnswerEvent> {
  let calls: 'none' | 'under way' | 'whole' = 'none';
  const told = function* (found: Iterable<Found>): Generator<ChatAnswerEvent> {
    for (const one of found) {
      if (one.type === 'call') calls = 'under way';
      if (one.type === 'called') calls = 'whole';
      else yield one;
    }
  };
  for await (const event of events) {
    if (event.type === 'text') {
      yield* told(reader.read(event.text));
      if (event.logprobs) yield { type: 'text', text: '', logprobs: event.logprobs };
    } else {
      yield* told(reader.end());
      yield { ...event, finishReason: finishOf(calls, event.finishReason) };
    }
  }
}

/** Arguments that `length` cut off are no call to be made. */
const finishOf = (calls: 'none' | 'under way' | 'whole', given: End['finishReason']): End['finishReason'] | 'tool_calls' =>
  (calls === 'whole' || (calls === 'under way' && given !== 'length') ? 'tool_calls' : given);

export function withCalls(events: AsyncIterable<AnswerEvent>, form: CallForm): AsyncIterable<ChatAnswerEvent> {
  switch (form.kind) {
    case 'none': return events;
    case 'forced': return read(events, callsAlone());
    case 'free': return read(events, new CallReader(form.names, form.many));
  }
}
