/** Emotion, router, model and hooks in the order that DESIGN gives a chat message. */
import { TaraError } from '../errors.js';
import type { GenerateOptions } from '../engine/index.js';
import { EMOTIONS, type Crisis, type Emotion, type EmotionAnalysis, type RouteDecision, type Router } from '../kernel/capabilities.js';
import type { ChatMessage, ChatPromptValue } from '../kernel/hook-table.js';
import type { HookAnswer, HookCaller } from '../kernel/services.js';
import type { Lease } from '../models/index.js';

/** A model to answer from, and which of its loaded adapters to answer with. */
export interface DomainLease extends Lease {
  readonly adapters?: GenerateOptions['adapters'];
}

export interface ChatServices {
  readonly hooks: HookCaller;
  /** Absent where no plugin provides it: nothing is analysed, the request's domain or `none` is used. */
  readonly emotion: Emotion | undefined;
  readonly router: Router | undefined;
  /** A lease on the model that answers in a domain. */
  acquire(domain: string, signal: AbortSignal | undefined): Promise<DomainLease>;
}

export interface ChatRequest {
  /** The last one is the user's. */
  readonly messages: readonly ChatMessage[];
  /** Skips the router. */
  readonly domain?: string;
  /** The domains that a model here can answer for. */
  readonly domains?: readonly string[];
  readonly userId?: string;
  readonly generate?: GenerateOptions;
  readonly signal?: AbortSignal;
}

export type ChatEvent =
  | { readonly type: 'decision'; readonly domain: string; readonly route: RouteDecision | null; readonly emotion: EmotionAnalysis | null }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'end'; readonly text: string; readonly completionTokens: number; readonly tokensPerSecond: number };

export interface Chat {
  /** Streams one reply. Text arrives in pieces unless a plugin wants to see the whole reply first. */
  reply(request: ChatRequest): AsyncIterable<ChatEvent>;
}

const NO_CRISIS: Crisis = { level: 'none', reasons: [] };

export const neutralAnalysis = (text: string): EmotionAnalysis => ({
  text,
  dominant: 'neutral',
  labels: [],
  emotions: Object.fromEntries(EMOTIONS.map((name) => [name, 0])) as EmotionAnalysis['emotions'],
  intensity: 0,
  valence: 0,
  crisis: NO_CRISIS,
});

/** What plugins say around a reply; one that failed says nothing. */
const spoken = (answers: readonly HookAnswer<string>[]): string => answers.flatMap((answer) => ('value' in answer && answer.value !== '' ? [answer.value] : [])).join('\n\n');

export function createChat(services: ChatServices): Chat {
  const { hooks, emotion, router } = services;

  async function decide(request: ChatRequest, question: string): Promise<{ analysis: EmotionAnalysis | null; route: RouteDecision | null; domain: string }> {
    const options = request.userId === undefined ? {} : { userId: request.userId };
    const analysis = emotion ? await emotion.analyze(question, options) : null;
    if (request.domain !== undefined || !router) return { analysis, route: null, domain: request.domain ?? 'none' };
    const route = await router.route(question, {
      ...options,
      ...(analysis ? { emotion: analysis } : {}),
      ...(request.domains ? { candidates: request.domains.map((name) => ({ name })) } : {}),
    });
    return { analysis, route, domain: route.domain };
  }

  async function* reply(request: ChatRequest): AsyncGenerator<ChatEvent> {
    const question = request.messages.at(-1);
    if (question?.role !== 'user') throw new TaraError('TARA_OPTION_INVALID', { option: 'messages', reason: 'the last message must be the user\'s' });
    const userId = request.userId ?? null;
    const call = request.signal ? { signal: request.signal } : {};
    const { analysis, route, domain } = await decide(request, question.content);
    yield { type: 'decision', domain, route, emotion: analysis };

    const asked: ChatPromptValue = { messages: request.messages, domain, userId, emotion: analysis, route };
    const fixed = await hooks.first('chat:answer', asked, call);
    if (fixed !== undefined) {
      yield { type: 'text', text: fixed };
      yield { type: 'end', text: fixed, completionTokens: 0, tokensPerSecond: 0 };
      return;
    }

    const prompt = await hooks.waterfall('chat:prompt', asked, call);
    const before = spoken(await hooks.parallel('chat:before', asked, call));
    using lease = await services.acquire(domain, request.signal);
    const generation = lease.model.generate([...prompt.messages], { ...request.generate, ...(lease.adapters && { adapters: lease.adapters }), ...call });
    const withheld = hooks.has('chat:reply');
    if (before !== '') yield { type: 'text', text: `${before}\n\n` };
    let text = '';
    for await (const chunk of generation) {
      text += chunk.text;
      if (!withheld) yield { type: 'text', text: chunk.text };
    }
    const { usage, timings } = await generation.result;
    if (withheld) {
      text = (await hooks.waterfall('chat:reply', { text, domain, userId, question: question.content }, call)).text;
      yield { type: 'text', text };
    }
    const after = spoken(await hooks.parallel('chat:after', { text, domain, userId, question: question.content, emotion: analysis }, call));
    if (after !== '') yield { type: 'text', text: `\n\n${after}` };
    const whole = [before, text, after].filter((part) => part !== '').join('\n\n');
    yield { type: 'end', text: whole, completionTokens: usage.completionTokens, tokensPerSecond: timings.decodeTokensPerSecond };
  }

  return { reply };
}
