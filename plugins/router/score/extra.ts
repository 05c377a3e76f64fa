/** Scores of others: the hook route:score, and a custom scoring function. Both are bounded in time; who fails or is late loses its say. */

import { createContext, Script } from 'node:vm';
import type { HookCaller, Logger } from 'tara-gguf/plugin';
import type { Query } from '../text/query.js';

/** What a custom scoring function gets of the question. */
export interface ScoredQuery extends Query {
  readonly text: string;
}

/** The score of a domain, 0..1, in place of the router's own; undefined or no number leaves that. */
export type CustomScoring = (domain: string, query: ScoredQuery) => number | undefined | Promise<number | undefined>;

export interface CustomScores {
  readonly scores: ReadonlyMap<string, number>;
  /** Why there are none: `threw`, `late`. */
  readonly failure: string | null;
}

type Answer = number | undefined | Promise<number | undefined>;

const NOTHING: CustomScores = { scores: new Map(), failure: null };

/** Runs `work` with a time limit that also ends a loop without end; without it a user's function could hold the process. */
const sandbox = createContext({ work: undefined as unknown });
const script = new Script('work()');
function bounded<T>(work: () => T, limitMs: number): T {
  sandbox.work = work;
  try {
    return script.runInContext(sandbox, { timeout: limitMs }) as T;
  } finally {
    sandbox.work = undefined;
  }
}

/** The promise, or `late` when the time is up; what comes later is not heard. */
export async function within<T, L>(promise: Promise<T>, limitMs: number, late: L): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([promise, new Promise<L>((resolve) => { timer = setTimeout(() => resolve(late), Math.max(1, limitMs)); })]);
  } finally {
    clearTimeout(timer);
  }
}

/** All domains together get `limitMs`. */
export async function customScores(scoring: CustomScoring, domains: readonly string[], query: ScoredQuery, limitMs: number, log: Logger): Promise<CustomScores> {
  const begin = performance.now();
  const failed = (failure: string, reason: string): CustomScores => {
    log.warn('the custom scoring function is left out', { failure, reason, limitMs });
    return { ...NOTHING, failure };
  };
  try {
    const answers = bounded((): Answer[] => domains.map((domain) => scoring(domain, query)), limitMs);
    // A promise that rejects after the time is up must not end the process.
    const settled = Promise.all(answers);
    settled.catch(() => {});
    const values = answers.some((answer) => typeof answer === 'object') ? await within(settled, limitMs - (performance.now() - begin), undefined) : (answers as (number | undefined)[]);
    if (values === undefined) return failed('late', 'its promises did not settle');
    return { failure: null, scores: new Map(domains.flatMap((domain, i) => { const value = values[i]; return typeof value === 'number' && Number.isFinite(value) ? [[domain, Math.max(0, Math.min(1, value))] as const] : []; })) };
  } catch (thrown) {
    const late = (thrown as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    return failed(late ? 'late' : 'threw', thrown instanceof Error ? thrown.message : String(thrown));
  }
}

const clampPoint = (value: number): number => Math.max(-1, Math.min(1, value));

/** Points of the hook route:score by domain, -1..1; handlers get `limitMs` together. */
export async function hookPoints(caller: HookCaller, text: string, domains: readonly string[], limitMs: number, log: Logger): Promise<ReadonlyMap<string, number>> {
  const controller = new AbortController();
  const answers = await within(caller.parallel('route:score', { text, domains }, { signal: controller.signal }).catch(() => []), limitMs, undefined);
  if (answers === undefined) {
    controller.abort();
    log.warn('route:score took too long, its points are left out', { limitMs });
    return new Map();
  }
  const points = new Map<string, number>();
  for (const answer of answers) {
    if ('error' in answer) log.warn('route:score failed', { by: answer.plugin, code: answer.error.code });
    else for (const domain of domains) if (Object.hasOwn(answer.value, domain)) points.set(domain, (points.get(domain) ?? 0) + clampPoint(Number(answer.value[domain]) || 0));
  }
  return new Map([...points].map(([domain, sum]) => [domain, clampPoint(sum)]));
}
