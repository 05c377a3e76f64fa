/** The capability `router`: reads the message, asks emotion, hooks and history, decides, remembers and tells the bus. */

import { join } from 'node:path';
import { createLru, embedder as embedderToken, emotion as emotionToken, hooks as hooksToken, stateFolder, workers, type CacheStats, type DomainCandidate, type Embedder, type EmotionAnalysis, type PluginContext, type RouteOptions, type Router } from 'tara-gguf/plugin';
import type { RouterConfig } from './config.js';
import { FEWEST, readBatch } from './batch.js';
import { decide, NO_PAST, type Past } from './decide.js';
import { eventOf, type Explained } from './explained.js';
import { signalsOf } from './score/content.js';
import { customScores, hookPoints, type CustomScoring } from './score/extra.js';
import { readFits } from './score/fitted.js';
import { SHIPPED } from './score/shipped.js';
import { createLiveFile } from './state/files.js';
import { createHistories, type Histories } from './state/history.js';
import { ownDomainsPath, readOwnDomains, type OwnDomains } from './state/own-domains.js';
import { embedTable } from './table/embedded.js';
import { readWords, type WordsRead } from './table/read.js';
import type { Table } from './table/table.js';
import { createTables } from './table/tables.js';
import type { ExampleVectors } from './table/vectors.js';
import { followUpOf } from './text/follow-up.js';
import { excerptOf } from './text/excerpt.js';
import { readQuery } from './text/query.js';
import { wordsOf } from './text/words.js';

export interface RouterService extends Router {
  /** The score of a domain in place of the router's own; set it to change it, undefined to end it. */
  customScoringFunction: CustomScoring | undefined;
  readonly histories: Histories;
  route(text: string, options?: RouteOptions): Promise<Explained>;
  /** As route, for many texts, in order; their words are read in parallel and their vectors in batches. */
  routeBatch(texts: readonly string[], options?: RouteOptions, signal?: AbortSignal): Promise<readonly Explained[]>;
  stats(): { readonly decisions: CacheStats; readonly emotions: CacheStats };
}

const NO_DOMAINS: OwnDomains = {};
const NO_CUSTOM = { scores: new Map<string, number>(), failure: null };
export const fitPath = (home: string): string => join(home, 'router', 'fit.json');

/** What two texts have in common that are decided alike. */
const normalise = (text: string): string => text.toWellFormed().normalize('NFC').replace(/\s+/g, ' ').trim();
const reasonOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

export type ServiceContext = Pick<PluginContext, 'find' | 'log' | 'events'>;

export function createRouter(config: RouterConfig, context: ServiceContext): RouterService {
  const home = context.find(stateFolder)?.path ?? null;
  const report = (what: string) => (error: unknown) => context.log.warn(what, { reason: reasonOf(error) });
  const tables = createTables(config);
  const ownDomains = home === null ? undefined : createLiveFile(ownDomainsPath(home), readOwnDomains, report('the domains of domain-examples cannot be read'));
  const ownFits = home === null ? undefined : createLiveFile(fitPath(home), readFits, report('the weights of route-fit cannot be read'));
  const histories = createHistories({ folder: home === null ? null : join(home, 'router', 'history'), halfLifeMs: config.history.halfLifeMs, onUnkept: report('a user\'s history was not kept') });
  const decisions = createLru<Explained>(config.cache);
  const emotions = createLru<EmotionAnalysis>(config.cache);
  const vectors = new WeakMap<Table, Promise<ExampleVectors>>();
  /** Counts what is not part of any other key: another custom function. */
  let setting = 0;
  let custom = config.customScoringFunction;

  function vectorsOf(table: Table, embedder: Embedder): Promise<ExampleVectors> {
    const known = vectors.get(table);
    if (known !== undefined) return known;
    const made = embedTable(table, { embedder, folder: home === null ? null : join(home, 'cache', 'router'), onUnkept: report('vectors of examples were not kept') });
    made.catch(() => vectors.delete(table));
    vectors.set(table, made);
    return made;
  }

  async function read(text: string, table: Table, given: WordsRead | undefined) {
    const found = context.find(embedderToken);
    const { words, keywords, nearest: byWords } = given ?? readWords(text, table, found === undefined);
    if (found !== undefined && words > 0) {
      try {
        const [known, [vector = new Float32Array(0)]] = await Promise.all([vectorsOf(table, found), found.embed([excerptOf(text)])]);
        const nearest = known.nearest(vector);
        return { words, keywords, nearest, reading: 'embedding' as const, signals: signalsOf(keywords, nearest, words, table.bare) };
      } catch (thrown) {
        report('routed without sentence embeddings')(thrown);
      }
    }
    const nearest = byWords ?? table.examples.nearest(wordsOf(text));
    return { words, keywords, nearest, reading: 'ngrams' as const, signals: signalsOf(keywords, nearest, words, table.bare) };
  }

  async function analysisOf(text: string, key: string, { emotion, userId }: RouteOptions): Promise<EmotionAnalysis | null> {
    if (emotion !== undefined) return emotion;
    const found = context.find(emotionToken);
    if (found === undefined) return null;
    // A user's analysis depends on what was said before, which only the emotion plugin knows.
    const known = userId === undefined ? emotions.get(key) : undefined;
    if (known !== undefined) return known;
    try {
      const analysis = await found.analyze(text, userId === undefined ? {} : { userId });
      if (userId === undefined && analysis.crisis.level === 'none') emotions.set(key, analysis);
      return analysis;
    } catch (thrown) {
      report('routed without emotion')(thrown);
      return null;
    }
  }

  async function pastOf(text: string, userId: string | undefined): Promise<{ readonly past: Past; readonly version: number }> {
    const history = userId === undefined ? undefined : await histories.of(userId);
    if (history === undefined) return { past: NO_PAST, version: 0 };
    const followUp = histories.age(history) <= config.history.followUpMs ? followUpOf(text) : 0;
    return { past: { lastDomain: history.lastDomain, followUp, affinity: histories.affinity(history) }, version: history.version };
  }

  const tableFor = async (options: RouteOptions): Promise<Table> => tables.for((await ownDomains?.get()) ?? NO_DOMAINS, options.candidates);

  async function route(text: string, options: RouteOptions = {}, given?: { readonly table: Table; readonly read: WordsRead }): Promise<Explained> {
    const begin = performance.now();
    const [table, fits = SHIPPED] = await Promise.all([tableFor(options), ownFits?.get()]);
    const { past, version } = await pastOf(text, options.userId);
    const plain = normalise(text);
    const analysis = await analysisOf(text, plain, options);
    const hooks = context.find(hooksToken);
    const asked = hooks?.has('route:score') === true;
    // A handler may answer otherwise the next time, and who is in a crisis is looked at anew each time.
    const cacheable = !asked && config.cache.entries > 0 && (analysis?.crisis.level ?? 'none') === 'none';
    const key = cacheable ? JSON.stringify([plain, table.version, fits, setting, options.userId, version, options.candidates, options.requires, analysis === null ? null : [analysis.labels, analysis.intensity, analysis.emotions]]) : '';
    const known = cacheable ? decisions.get(key) : undefined;
    const decision: Explained = known === undefined ? await decideAnew() : { ...known, text, cache: 'hit', milliseconds: performance.now() - begin };
    if (options.userId !== undefined && decision.domain !== 'none' && decision.rule !== 'crisis') await histories.remember(options.userId, decision.domain);
    context.events.emit('route:decided', eventOf(decision));
    return decision;

    async function decideAnew(): Promise<Explained> {
      const { words, ...signals } = await read(text, table, given?.table === table ? given.read : undefined);
      const query = readQuery(text, words);
      const candidates: readonly DomainCandidate[] = options.candidates ?? table.domains.slice(0, -1).map(({ name }) => ({ name }));
      const names = candidates.map(({ name }) => name);
      const points = asked && hooks !== undefined ? await hookPoints(hooks, text, names, config.hookMs, context.log) : new Map<string, number>();
      const scores = custom === undefined || names.length === 0 ? NO_CUSTOM : await customScores(custom, names, { text, ...query }, config.hookMs, context.log);
      const made: Explained = {
        ...decide({ text, table, fits, query, analysis, past, points, custom: scores, ...signals }, candidates, config, options.requires ?? []),
        cache: cacheable ? 'miss' : 'off',
        milliseconds: performance.now() - begin,
      };
      if (cacheable && scores.failure === null) decisions.set(key, made);
      return made;
    }
  }

  async function routeBatch(texts: readonly string[], options: RouteOptions = {}, signal?: AbortSignal): Promise<readonly Explained[]> {
    const table = await tableFor(options);
    const found = context.find(embedderToken);
    const pool = context.find(workers);
    // What fails here is tried again, and reported, text by text.
    const [read] = await Promise.all([
      pool === undefined || texts.length < FEWEST ? undefined : readBatch(pool, texts, table, found === undefined, signal).catch((thrown: unknown) => {
        signal?.throwIfAborted();
        report('texts were not read in parallel')(thrown);
      }),
      found?.embed(texts.map(excerptOf)).catch(() => undefined),
    ]);
    const decided: Explained[] = [];
    for (const [i, text] of texts.entries()) {
      signal?.throwIfAborted();
      const own = read?.[i];
      decided.push(await route(text, options, own && { table, read: own }));
    }
    return decided;
  }

  return {
    get customScoringFunction() {
      return custom;
    },
    set customScoringFunction(value) {
      custom = value;
      setting += 1;
    },
    histories,
    route: (text, options) => route(text, options),
    routeBatch,
    stats: () => ({ decisions: decisions.stats(), emotions: emotions.stats() }),
  };
}
