/** Emotion, router, model and hooks in the order that DESIGN gives a chat message. */
import type { Chunk, GenerateOptions, GenerationResult } from '../engine/index.js';
import { EMOTIONS, type Crisis, type DomainCandidate, type Embedder, type Emotion, type EmotionAnalysis, type RouteDecision, type Router } from '../kernel/capabilities/index.js';
import type { ChatMessage, ChatPromptValue } from '../kernel/hook-table.js';
import type { HookAnswer, HookCaller } from '../kernel/services.js';
import type { Lease } from '../models/index.js';
import { asTaraError, TaraError } from '../errors.js';
import { answerKey, keepable, repeatable, type AnswerCache } from './answers.js';
import { agree, type Agreement } from './consensus.js';
import { createSpeeds } from './speeds.js';

/** A model to answer from, and which of its loaded adapters to answer with. */
export interface DomainLease extends Lease {
  readonly adapters?: GenerateOptions['adapters'];
  /** The release that the model is of. */
  readonly releaseId?: string | undefined;
  /** Told of an answer that ended with an error, before the release. */
  failed?(error: unknown): void;
}

export interface ChatServices {
  readonly hooks: HookCaller;
  /** Absent where no plugin provides it: nothing is analysed, the request's domain or `none` is used. */
  readonly emotion: Emotion | undefined;
  readonly router: Router | undefined;
  /** Compares answers, where several domains are asked; without it they are voted on. */
  readonly embedder?: Embedder | undefined;
  /** Answers that are said again to the same prompt; every answer is new without it. */
  readonly answers?: AnswerCache | undefined;
  /** A lease on the model that answers in a domain. */
  acquire(domain: string, signal: AbortSignal | undefined): Promise<DomainLease>;
}

export interface ChatRequest {
  /** The last one is the user's, or a tool's answer to what the user asked. */
  readonly messages: readonly ChatMessage[];
  /** Skips the router. */
  readonly domain?: string;
  /** The domains that a model here can answer for: names, or what is known of them. */
  readonly domains?: readonly (string | DomainCandidate)[];
  readonly userId?: string;
  readonly generate?: GenerateOptions;
  /** Asks all domains that the router finds as good as equal, and gives the answer that the others are nearest to. */
  readonly consensus?: boolean;
  /** Whether an answer may be one given before; when omitted, where the model would give the same again (greedy, or with a seed). Never in a crisis. */
  readonly reuse?: boolean;
  readonly signal?: AbortSignal;
}

export type ChatEvent =
  | { readonly type: 'decision'; readonly domain: string; readonly route: RouteDecision | null; readonly emotion: EmotionAnalysis | null }
  /** A model is there to answer; not told where a plugin answers, or where several domains are asked. */
  | { readonly type: 'answering'; readonly domain: string; readonly release: string | undefined; readonly fallback: Answered['fallback'] }
  /** `chunk`: what the model said just now, where the text is its own. */
  | { readonly type: 'text'; readonly text: string; readonly chunk?: Chunk }
  | ({ readonly type: 'end'; readonly text: string } & Ending);

/** What an answer took. */
interface Ending extends Answered {
  readonly completionTokens: number;
  /** 0 where nothing was generated. */
  readonly tokensPerSecond: number;
  /** Of the one model that answered. */
  readonly generation?: GenerationResult;
}

/** Who answered, where that is not simply the domain of the decision. */
export interface Answered {
  /** The domain that answered after the model of the decision's could not. */
  readonly fallback?: { readonly domain: string; readonly code: string };
  /** What the domains that were asked agreed on. */
  readonly consensus?: Agreement;
  /** The answer was given before, to the same prompt. */
  readonly reused?: true;
}

export interface Chat {
  /** Streams one reply. Text arrives in pieces unless a plugin wants to see the whole reply first. */
  reply(request: ChatRequest): AsyncIterable<ChatEvent>;
}

/** A prompt as models get it. */
interface Asked {
  readonly messages: readonly ChatMessage[];
  readonly request: ChatRequest;
  /** Whether an answer given before may be said again. */
  readonly reuse: boolean;
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

type Cost = Pick<Ending, 'completionTokens' | 'tokensPerSecond'>;

const costOf = ({ usage, timings }: GenerationResult, reused: boolean): Cost => ({ completionTokens: usage.completionTokens, tokensPerSecond: reused ? 0 : timings.decodeTokensPerSecond });

/** What a generator returns, past what it yields. */
async function returned<T>(generator: AsyncGenerator<unknown, T>): Promise<T> {
  for (;;) {
    const next = await generator.next();
    if (next.done === true) return next.value;
  }
}

export function createChat(services: ChatServices): Chat {
  const { hooks, emotion, router } = services;
  const speeds = createSpeeds();

  async function decide(request: ChatRequest, question: string): Promise<{ analysis: EmotionAnalysis | null; route: RouteDecision | null; domain: string }> {
    const options = request.userId === undefined ? {} : { userId: request.userId };
    const analysis = emotion ? await emotion.analyze(question, options) : null;
    if (request.domain !== undefined || !router) return { analysis, route: null, domain: request.domain ?? 'none' };
    const route = await router.route(question, {
      ...options,
      ...(analysis ? { emotion: analysis } : {}),
      ...(request.domains ? { candidates: request.domains.map((domain) => speeds.candidate(typeof domain === 'string' ? { name: domain } : domain)) } : {}),
    });
    return { analysis, route, domain: route.domain };
  }

  async function* reply(request: ChatRequest): AsyncGenerator<ChatEvent> {
    const last = request.messages.at(-1)?.role;
    const question = request.messages.findLast(({ role }) => role === 'user');
    if (question === undefined || (last !== 'user' && last !== 'tool')) throw new TaraError('TARA_OPTION_INVALID', { option: 'messages', reason: 'the last message must be the user\'s, or a tool\'s' });
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
    const withheld = hooks.has('chat:reply');
    const calm = [analysis, route].every((found) => (found?.crisis.level ?? 'none') === 'none');
    const ask: Asked = { messages: prompt.messages, request, reuse: calm && keepable(request.generate) && (request.reuse ?? repeatable(request.generate)) };
    const seen = async (answer: string, from: string): Promise<string> =>
      withheld ? (await hooks.waterfall('chat:reply', { text: answer, domain: from, userId, question: question.content }, call)).text : answer;
    const ended = async function* (text: string, from: string, end: Ending): AsyncGenerator<ChatEvent> {
      const after = spoken(await hooks.parallel('chat:after', { text, domain: from, userId, question: question.content, emotion: analysis }, call));
      if (after !== '') yield { type: 'text', text: `\n\n${after}` };
      yield { type: 'end', text: [before, text, after].filter((part) => part !== '').join('\n\n'), ...end };
    };
    // Said once there is an answer, or at least a model that will give one.
    const opening = before === '' ? [] : [{ type: 'text', text: `${before}\n\n` } as const];

    const contenders = request.consensus === true ? (route?.contenders ?? []) : [];
    if (contenders.length > 1) {
      const { text: chosen, ...end } = await agreed(ask, contenders);
      const text = await seen(chosen, end.consensus.domain);
      yield* opening;
      yield { type: 'text', text };
      yield* ended(text, end.consensus.domain, end);
      return;
    }
    const { lease: taken, fallback } = await acquireOne([domain, ...(route?.fallback ? [route.fallback] : []), 'none'], request.signal);
    using lease = taken;
    const from = fallback?.domain ?? domain;
    yield { type: 'answering', domain: from, release: lease.releaseId, fallback };
    if (!withheld) yield* opening;
    const known = recall(lease, ask);
    const generation = known ?? (yield* generated(lease, from, ask, withheld));
    const text = await seen(generation.text, from);
    if (withheld) yield* opening;
    if (withheld || known) yield { type: 'text', text };
    yield* ended(text, from, { ...costOf(generation, known !== undefined), generation, ...(fallback && { fallback }), ...(known && { reused: true }) });
  }

  const keyOf = (lease: DomainLease, { messages, request }: Asked): string => answerKey(lease.identity, messages, { ...request.generate, adapters: lease.adapters });

  /** What the model said to the same prompt before, where that may be said again. */
  const recall = (lease: DomainLease, ask: Asked): GenerationResult | undefined => (ask.reuse ? services.answers?.get(keyOf(lease, ask)) : undefined);

  /** A new answer. Its text is told as it comes, unless it is withheld. */
  async function* generated(lease: DomainLease, domain: string, ask: Asked, withheld: boolean): AsyncGenerator<ChatEvent, GenerationResult> {
    const { generate, signal } = ask.request;
    const ended = speeds.asked(domain);
    try {
      const generation = lease.model.generate([...ask.messages], { ...generate, ...(lease.adapters && { adapters: lease.adapters }), ...(signal && { signal }) });
      if (!withheld) for await (const chunk of generation) yield { type: 'text', text: chunk.text, chunk };
      const result = await generation.result;
      speeds.answered(domain, result.timings.decodeTokensPerSecond);
      if (ask.reuse) services.answers?.set(keyOf(lease, ask), result);
      return result;
    } catch (error) {
      lease.failed?.(error);
      throw error;
    } finally {
      ended();
    }
  }

  /** A lease on the first domain's model that can be had; the error is the first one's where none can. */
  async function acquireOne(domains: readonly string[], signal: AbortSignal | undefined): Promise<{ readonly lease: DomainLease; readonly fallback?: Answered['fallback'] }> {
    let first: TaraError | undefined;
    for (const domain of new Set(domains)) {
      try {
        const lease = await services.acquire(domain, signal);
        return first === undefined ? { lease } : { lease, fallback: { domain, code: first.code } };
      } catch (thrown) {
        const error = asTaraError(thrown);
        if (error.code === 'TARA_ABORTED' || error.code === 'TARA_DISPOSED') throw error;
        first ??= error;
      }
    }
    throw first ?? new TaraError('TARA_NO_REPLICA');
  }

  /** One after the other, so that memory for one model is enough. A domain whose model fails is left out. */
  async function agreed(ask: Asked, domains: readonly string[]): Promise<Ending & { readonly text: string; readonly consensus: Agreement }> {
    const answers: { readonly domain: string; readonly text: string; readonly cost: Cost }[] = [];
    let failure: unknown;
    for (const domain of domains) {
      try {
        using lease = await services.acquire(domain, ask.request.signal);
        const known = recall(lease, ask);
        const generation = known ?? (await returned(generated(lease, domain, ask, true)));
        answers.push({ domain, text: generation.text, cost: costOf(generation, known !== undefined) });
      } catch (thrown) {
        if (ask.request.signal?.aborted) throw thrown;
        failure = thrown;
      }
    }
    if (answers.length === 0) throw failure;
    const consensus = await agree(answers, services.embedder);
    const chosen = answers.find(({ domain }) => domain === consensus.domain) ?? answers[0];
    if (chosen === undefined) throw failure;
    return { text: chosen.text, completionTokens: answers.reduce((sum, { cost }) => sum + cost.completionTokens, 0), tokensPerSecond: chosen.cost.tokensPerSecond, consensus };
  }

  return { reply };
}
