/** The last minutes second by second, shares of domains, and emotions over the day: what a dashboard shows. Kept in memory only. */
import { EMOTIONS } from '../../kernel/capabilities/index.js';
import type { Model } from '../../engine/index.js';
import type { Serving } from '../serving/index.js';
import type { Recorder } from './recorder.js';

/** One second. */
export interface LiveSecond {
  /** Seconds since 1970. */
  readonly at: number;
  readonly requests: number;
  readonly errors: number;
  /** Tokens that the loaded models generated in it. */
  readonly generatedTokens: number;
  /** Of answers that ended in it. */
  readonly promptTokens: number;
  /** Means over the answers that ended in this second, in milliseconds; null without any. */
  readonly firstTokenMs: number | null;
  readonly interTokenMs: number | null;
  readonly queueMs: number | null;
  /** Requests that held a slot, and that waited for one. */
  readonly active: number;
  readonly queued: number;
}

/** One hour that had messages. */
export interface EmotionHour {
  /** Its beginning, in seconds since 1970. */
  readonly at: number;
  readonly messages: number;
  /** Messages by dominant emotion. */
  readonly emotions: Readonly<Record<string, number>>;
  /** Mean, -1..1; 0 without messages. */
  readonly valence: number;
}

export interface LiveState {
  /** Oldest first. */
  readonly seconds: readonly LiveSecond[];
  /** Messages by the domain that was chosen for them, since the server started. */
  readonly domains: Readonly<Record<string, number>>;
  /** Messages in which a crisis was found, by level. */
  readonly crises: Readonly<Record<string, number>>;
  /** The last 24 hours that had messages. */
  readonly hours: readonly EmotionHour[];
}

export interface Live extends Recorder {
  state(): LiveState;
  /** Each second as it ends, until the signal fires. */
  follow(signal: AbortSignal): AsyncIterable<LiveSecond>;
  close(): void;
}

const KEPT_SECONDS = 300;
const HOURS = 24;
const HOUR_MS = 3_600_000;

/** Sums of the second under way. */
class Second {
  requests = 0;
  errors = 0;
  promptTokens = 0;
  #answers = 0;
  #spaced = 0;
  #firstTokenMs = 0;
  #interTokenMs = 0;
  #queueMs = 0;

  add(usage: { readonly promptTokens: number; readonly cachedTokens: number; readonly completionTokens: number }, timings: { readonly firstTokenMs: number; readonly queueMs: number; readonly decodeMs: number }): void {
    this.#answers += 1;
    this.promptTokens += usage.promptTokens - usage.cachedTokens;
    this.#firstTokenMs += timings.firstTokenMs;
    this.#queueMs += timings.queueMs;
    if (usage.completionTokens < 2) return;
    this.#spaced += 1;
    this.#interTokenMs += timings.decodeMs / (usage.completionTokens - 1);
  }

  ended(at: number, generatedTokens: number, active: number, queued: number): LiveSecond {
    const mean = (sum: number, count: number) => (count === 0 ? null : sum / count);
    const { requests, errors, promptTokens } = this;
    return {
      at, requests, errors, generatedTokens, promptTokens, active, queued,
      firstTokenMs: mean(this.#firstTokenMs, this.#answers), queueMs: mean(this.#queueMs, this.#answers), interTokenMs: mean(this.#interTokenMs, this.#spaced),
    };
  }
}

interface HourSum {
  readonly start: number;
  messages: number;
  valence: number;
  readonly emotions: Map<string, number>;
}

const count = <Key>(counts: Map<Key, number>, key: Key): Map<Key, number> => counts.set(key, (counts.get(key) ?? 0) + 1);

export function createLive(serving: () => Serving): Live {
  const seconds: LiveSecond[] = [];
  const domains = new Map<string, number>();
  const crises = new Map<string, number>();
  const hours: HourSum[] = [];
  const followers = new Set<(second: LiveSecond) => void>();
  const seen = new WeakMap<Model, number>();
  let second = new Second();

  /** Tokens that a model generated since the last look. */
  function newTokens(model: Model): number {
    const { completionTokens } = model.stats();
    const before = seen.get(model) ?? 0;
    seen.set(model, completionTokens);
    return completionTokens - before;
  }

  const tick = (): void => {
    const models = serving().loaded();
    const stats = models.map((model) => model.stats());
    const sum = (of: (one: (typeof stats)[number]) => number): number => stats.reduce((total, one) => total + of(one), 0);
    const ended = second.ended(Math.floor(Date.now() / 1000), models.reduce((total, model) => total + newTokens(model), 0), sum(({ active }) => active), sum(({ queued }) => queued));
    second = new Second();
    seconds.push(ended);
    if (seconds.length > KEPT_SECONDS) seconds.shift();
    for (const follower of followers) follower(ended);
  };
  const timer = setInterval(tick, 1000);
  timer.unref();

  function hourNow(): HourSum {
    const start = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
    const last = hours.at(-1);
    if (last?.start === start) return last;
    const hour: HourSum = { start, messages: 0, valence: 0, emotions: new Map() };
    hours.push(hour);
    while ((hours[0]?.start ?? start) <= start - HOURS * HOUR_MS) hours.shift();
    return hour;
  }

  return {
    answered(_route, status) {
      second.requests += 1;
      if (status >= 400) second.errors += 1;
    },
    generated: ({ usage, timings }) => second.add(usage, timings),
    decided({ domain, emotion }) {
      count(domains, domain);
      if (emotion === null) return;
      if (emotion.crisis.level !== 'none') count(crises, emotion.crisis.level);
      const hour = hourNow();
      hour.messages += 1;
      hour.valence += emotion.valence;
      count(hour.emotions, emotion.dominant);
    },
    state: () => ({
      seconds: [...seconds],
      domains: Object.fromEntries(domains),
      crises: Object.fromEntries(crises),
      hours: hours.map(({ start, messages, valence, emotions }) => ({
        at: start / 1000, messages, valence: messages === 0 ? 0 : valence / messages,
        emotions: Object.fromEntries([...EMOTIONS, 'neutral'].map((name) => [name, emotions.get(name) ?? 0])),
      })),
    }),
    async *follow(signal) {
      const waiting: LiveSecond[] = [];
      let wake: (() => void) | undefined;
      const follower = (ended: LiveSecond) => {
        waiting.push(ended);
        wake?.();
      };
      const stop = () => wake?.();
      followers.add(follower);
      signal.addEventListener('abort', stop);
      try {
        while (!signal.aborted) {
          const next = waiting.shift();
          if (next) yield next;
          else await new Promise<void>((resolve) => { wake = resolve; });
        }
      } finally {
        followers.delete(follower);
        signal.removeEventListener('abort', stop);
      }
    },
    close: () => clearInterval(timer),
  };
}
