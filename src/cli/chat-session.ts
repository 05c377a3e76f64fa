/** A conversation with the files of a build or release through emotion, router and hooks, as chat and demo hold it. */
import { createChat, type Answered, type ChatEvent, type DomainLease } from '../chat/index.js';
import { createEngine, type GenerateOptions, type LoadOptions } from '../engine/index.js';
import { TaraError } from '../errors.js';
import { CAPABILITIES, embedder } from '../kernel/capabilities/index.js';
import type { ChatMessage } from '../kernel/hook-table.js';
import { createModelStore, servedCandidates, servedIn, type ServedFile } from '../models/index.js';
import type { CoreContext } from './context.js';

export interface Turn {
  readonly question: string;
  readonly answer: string;
  /** The domain that answered, `none` when no domain fits. */
  readonly domain: string;
  /** How sure the router is, 0..1; null when it was not asked. */
  readonly confidence: number | null;
  readonly emotion: string | null;
  readonly completionTokens: number;
  readonly tokensPerSecond: number;
  /** Another domain that answered because the model of the first could not, and that one's error. */
  readonly fallback: Answered['fallback'] | null;
  /** What the domains that were asked agreed on. */
  readonly consensus: Answered['consensus'] | null;
}

export interface ChatSessionOptions {
  readonly load: LoadOptions;
  readonly generate: GenerateOptions;
  /** Skips the router. */
  readonly domain?: string | undefined;
  readonly userId?: string | undefined;
  readonly consensus?: boolean;
  /** Bytes that loaded models may take together. */
  readonly memory?: number | undefined;
}

export interface ChatSession extends AsyncDisposable {
  /** Asks, with what was said before; `onEvent` hears the decision and the text while it comes. */
  ask(question: string, onEvent: (event: ChatEvent) => Promise<void>): Promise<Turn>;
}

/** Messages of a conversation that are sent again; older ones are forgotten. */
const REMEMBERED = 12;

/** Loads what answers where no domain fits; models of other domains are loaded when they are asked, and kept while memory allows. */
export async function openChatSession(context: CoreContext, files: readonly ServedFile[], options: ChatSessionOptions): Promise<ChatSession> {
  const host = await context.plugins();
  const engine = createEngine();
  const models = createModelStore(engine, options.memory === undefined ? {} : { budgetBytes: options.memory, idleBytes: options.memory });
  const domains = servedCandidates(files);
  const acquire = async (domain: string, signal?: AbortSignal): Promise<DomainLease> => {
    const served = servedIn(files, domain);
    if (!served) throw new TaraError('TARA_INTERNAL', { reason: 'no file to answer from' });
    const lease = await models.acquire(served.path, { ...options.load, adapters: served.adapters, ...(signal && { signal }) });
    return { ...lease, adapters: served.use };
  };
  const lease = await acquire('');
  // Within a budget it must be able to make room for another.
  if (options.memory !== undefined) lease.release();
  const chat = createChat({
    hooks: host.hooks,
    emotion: host.find(CAPABILITIES.emotion),
    router: host.find(CAPABILITIES.router),
    embedder: host.find(embedder),
    acquire,
  });
  let messages: ChatMessage[] = [];

  return {
    async ask(question, onEvent) {
      messages = [...messages.slice(-REMEMBERED), { role: 'user', content: question }];
      const turn = { question, answer: '', domain: 'none', confidence: null as number | null, emotion: null as string | null, completionTokens: 0, tokensPerSecond: 0, fallback: null as Turn['fallback'], consensus: null as Turn['consensus'] };
      const events = chat.reply({
        messages,
        ...(options.domain === undefined ? {} : { domain: options.domain }),
        ...(domains.length === 0 ? {} : { domains }),
        ...(options.userId === undefined ? {} : { userId: options.userId }),
        generate: options.generate,
        ...(options.consensus && { consensus: true }),
        signal: context.signal,
      });
      for await (const event of events) {
        await onEvent(event);
        if (event.type === 'decision') Object.assign(turn, { domain: event.domain, confidence: event.route?.confidence ?? null, emotion: event.emotion?.dominant ?? null });
        if (event.type === 'end') Object.assign(turn, { answer: event.text, completionTokens: event.completionTokens, tokensPerSecond: event.tokensPerSecond, fallback: event.fallback ?? null, consensus: event.consensus ?? null });
      }
      messages.push({ role: 'assistant', content: turn.answer });
      return turn;
    },
    async [Symbol.asyncDispose]() {
      lease.release();
      await models.close();
      await engine.dispose();
    },
  };
}

/** Prints a reply as it comes, and the decision behind it as a note. */
export async function showEvent(context: CoreContext, event: ChatEvent): Promise<void> {
  if (event.type === 'answering') return;
  if (event.type === 'text') return context.print(event.text);
  if (event.type === 'end') {
    await context.print('\n');
    if (event.fallback) context.note(`[answered by ${event.fallback.domain}: ${event.fallback.code}]`);
    if (event.consensus) context.note(`[${event.consensus.method} of ${event.consensus.asked.join(', ')}: ${event.consensus.domain}, agreement ${Math.round(event.consensus.agreement * 100)} %]`);
    return;
  }
  const confidence = event.route ? ` (${Math.round(event.route.confidence * 100)} %)` : '';
  context.note(`[${event.domain}${confidence}${event.emotion ? `, ${event.emotion.dominant}` : ''}]`);
}
