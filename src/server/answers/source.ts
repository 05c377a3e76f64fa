/** Where the answers to a request come from, by the name of its model. */
import type { ChatEvent, DomainLease } from '../../chat/index.js';
import type { ChatMessage, GenerateOptions } from '../../engine/index.js';
import { TaraError } from '../../errors.js';
import type { ChatMessage as KernelMessage } from '../../kernel/hook-table.js';
import type { Lease } from '../../models/index.js';
import type { Service } from '../service.js';
import type { Named, Serving } from '../serving/index.js';
import { endEvent, textEvent, type AnswerEvent } from './events.js';

/** Answers that were asked for; nothing is generated before they are read. */
export interface Answers {
  /** What the response says of who answers. */
  readonly headers: Readonly<Record<string, string>>;
  readonly choices: readonly AsyncIterable<AnswerEvent>[];
}

export interface Asked {
  readonly prompt: string | Int32Array | readonly ChatMessage[];
  readonly options: GenerateOptions;
}

type Chatting = Extract<Named, { readonly kind: 'chat' }>;
type Filed = Extract<Named, { readonly kind: 'file' }>;

const releaseHeader = (release: string | null | undefined): Readonly<Record<string, string>> => (release ? { 'x-tara-release': release } : {});

/** A header takes no more of a name than this. */
const inHeader = (text: string): string => encodeURI(text).slice(0, 200);

async function* generated(acquire: () => Promise<DomainLease>, { prompt, options }: Asked, service: Service): AsyncGenerator<AnswerEvent> {
  using lease = await acquire();
  const generation = lease.model.generate(prompt, { ...options, ...(lease.adapters && { adapters: lease.adapters }) });
  for await (const chunk of generation) yield textEvent(chunk);
  const result = await generation.result;
  service.record.generated(result);
  yield endEvent(result);
}

/** Each of them from the model itself: no emotion, router or hook. A domain is answered with its own model or adapter. */
export function modelAnswers(service: Service, serving: Serving, named: Chatting | Filed, asked: readonly Asked[]): Answers {
  if (named.kind === 'chat' && named.domain === undefined) throw new TaraError('TARA_REQUEST_INVALID', { param: 'model', reason: '`auto` answers chats, one choice each: POST /v1/chat/completions with n = 1' });
  const { domain } = named.kind === 'chat' ? named : { domain: undefined };
  const acquire = (signal: AbortSignal | undefined) => (named.kind === 'file' ? serving.acquireFile(named.file, signal) : serving.acquireDomain(named.domain ?? '', signal));
  return {
    headers: { ...(domain === undefined ? {} : { 'x-tara-domain': inHeader(domain) }), ...releaseHeader(named.kind === 'file' ? named.file.release?.id : serving.releaseOf(domain ?? '')) },
    choices: asked.map((one) => generated(() => acquire(one.options.signal), one, service)),
  };
}

/** The rest of a reply whose first events were read already. */
async function* replied(begun: readonly ChatEvent[], rest: AsyncIterator<ChatEvent>, service: Service): AsyncGenerator<AnswerEvent> {
  const give = function* (event: ChatEvent): Generator<AnswerEvent> {
    if (event.type === 'text') yield event.chunk ? textEvent(event.chunk) : { type: 'text', text: event.text };
    if (event.type === 'end') {
      if (event.generation) service.record.generated(event.generation);
      yield endEvent(event.generation);
    }
  };
  try {
    for (const event of begun) yield* give(event);
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield* give(next.value);
  } finally {
    await rest.return?.();
  }
}

/** One answer through emotion, router and hooks: read until it is known who answers. */
export async function chatAnswers(service: Service, serving: Serving, { domain }: Chatting, messages: readonly KernelMessage[], options: GenerateOptions, userId: string | undefined): Promise<Answers> {
  const { signal, ...generate } = options;
  const events = service.chatOf(serving).reply({
    messages, generate,
    ...(domain === undefined ? {} : { domain }),
    ...(serving.candidates.length === 0 ? {} : { domains: serving.candidates }),
    ...(userId === undefined ? {} : { userId }),
    ...(signal && { signal }),
  })[Symbol.asyncIterator]();
  const headers: Record<string, string> = {};
  const begun: ChatEvent[] = [];
  for (let next = await events.next(); next.done !== true; next = await events.next()) {
    const event = next.value;
    begun.push(event);
    if (event.type === 'decision') {
      service.record.decided(event);
      headers['x-tara-domain'] = inHeader(event.domain);
      if (event.route) headers['x-tara-confidence'] = event.route.confidence.toFixed(4);
      if (event.emotion) headers['x-tara-emotion'] = event.emotion.dominant;
      if (event.emotion && event.emotion.crisis.level !== 'none') headers['x-tara-crisis'] = event.emotion.crisis.level;
      continue;
    }
    if (event.type === 'answering') {
      Object.assign(headers, releaseHeader(event.release));
      if (event.fallback) headers['x-tara-fallback'] = inHeader(event.fallback.domain);
    }
    break;
  }
  return { headers, choices: [replied(begun, events, service)] };
}

/** A lease on the model of a name; of `auto` on what answers where no domain fits. */
export function acquireNamed(serving: Serving, name: string | null | undefined, signal: AbortSignal): Promise<Lease> {
  const named = serving.find(name ?? 'default');
  switch (named.kind) {
    case 'file': return serving.acquireFile(named.file, signal);
    case 'chat': return serving.acquireDomain(named.domain ?? '', signal);
    case 'embedding': return serving.acquireEmbedding(named.path, signal);
  }
}

/** Refuses a name that answers no text. */
export function answering(serving: Serving, name: string | null | undefined): Chatting | Filed {
  const named = serving.find(name ?? 'default');
  if (named.kind === 'embedding') throw new TaraError('TARA_REQUEST_INVALID', { param: 'model', reason: 'it gives embeddings, not answers' });
  return named;
}
