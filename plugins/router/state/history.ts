/** What a user asked about before: affinity to domains that fades, and the domain of the last message. One file a user, to export and erase. */

import { createHash } from 'node:crypto';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFile } from './files.js';

const historySchema = z.object({
  format: z.literal(1),
  userId: z.string(),
  /** Counts up with every message. */
  version: z.int().min(0),
  /** Milliseconds since 1970 of the last message. */
  at: z.number(),
  lastDomain: z.string(),
  /** Weight by domain at `at`. */
  affinity: z.record(z.string(), z.number().min(0)),
});

export type UserHistory = z.infer<typeof historySchema>;

export interface HistoryOptions {
  /** Where files lie; in memory only when null. */
  readonly folder: string | null;
  readonly halfLifeMs: number;
  readonly onUnkept: (error: unknown) => void;
  readonly now?: () => number;
}

export interface Histories {
  of(userId: string): Promise<UserHistory | undefined>;
  /** Share of each domain in what the user asked, faded to now; sums to less than 1 where little is known. */
  affinity(history: UserHistory): ReadonlyMap<string, number>;
  /** Milliseconds since the user's last message. */
  age(history: UserHistory): number;
  remember(userId: string, domain: string): Promise<void>;
  /** Returns whether there was one. */
  erase(userId: string): Promise<boolean>;
  users(): Promise<readonly string[]>;
  /** Resolves when everything is on disk. */
  flush(): Promise<void>;
}

const FADED = 0.01;
/** A little knowledge says little: so many messages stand against what is known. */
const PRIOR = 2;
/** Users that are kept in memory. */
const REMEMBERED = 10_000;

export function createHistories({ folder, halfLifeMs, onUnkept, now = Date.now }: HistoryOptions): Histories {
  const known = new Map<string, UserHistory | undefined>();
  /** The work on each user's file, one after the other. */
  const writing = new Map<string, Promise<void>>();
  const pathOf = (userId: string) => join(folder ?? '', `${createHash('sha256').update(userId).digest('hex')}.json`);
  const fade = (history: UserHistory) => 0.5 ** (Math.max(0, now() - history.at) / halfLifeMs);

  async function read(path: string): Promise<UserHistory | undefined> {
    try {
      return historySchema.parse(JSON.parse(await readFile(path, 'utf8')));
    } catch {
      // No file, or a damaged one: the user begins anew.
      return undefined;
    }
  }

  function keep(userId: string, history: UserHistory | undefined): void {
    known.delete(userId);
    known.set(userId, history);
    if (known.size > REMEMBERED) known.delete(known.keys().next().value ?? '');
  }

  /** Queues work on the user's file; only the newest state is written. */
  function queue(userId: string, work: () => Promise<void>): void {
    if (folder === null) return;
    const done = (writing.get(userId) ?? Promise.resolve()).then(work).catch(onUnkept);
    writing.set(userId, done);
    void done.then(() => {
      if (writing.get(userId) === done) writing.delete(userId);
    });
  }

  async function of(userId: string): Promise<UserHistory | undefined> {
    if (known.has(userId)) return known.get(userId);
    if (folder === null) return undefined;
    const found = await read(pathOf(userId));
    // Somebody may have remembered or erased meanwhile.
    if (!known.has(userId)) keep(userId, found?.userId === userId ? found : undefined);
    return known.get(userId);
  }

  return {
    of,
    affinity(history) {
      const factor = fade(history);
      const faded = Object.entries(history.affinity).map(([domain, weight]) => [domain, weight * factor] as const);
      const total = faded.reduce((sum, [, weight]) => sum + weight, PRIOR);
      return new Map(faded.map(([domain, weight]) => [domain, weight / total]));
    },
    age: (history) => now() - history.at,
    async remember(userId, domain) {
      const before = await of(userId);
      const factor = before === undefined ? 0 : fade(before);
      const affinity = Object.fromEntries(Object.entries(before?.affinity ?? {}).map(([name, weight]) => [name, weight * factor] as const).filter(([, weight]) => weight >= FADED));
      affinity[domain] = (affinity[domain] ?? 0) + 1;
      const history: UserHistory = { format: 1, userId, version: (before?.version ?? 0) + 1, at: now(), lastDomain: domain, affinity };
      keep(userId, history);
      queue(userId, async () => {
        if (known.get(userId) !== history) return;
        await replaceFile(pathOf(userId), `${JSON.stringify(history)}\n`);
      });
    },
    async erase(userId) {
      const had = (await of(userId)) !== undefined;
      keep(userId, undefined);
      queue(userId, () => rm(pathOf(userId), { force: true }));
      await writing.get(userId);
      return had;
    },
    async users() {
      const names = folder === null ? [] : await readdir(folder).catch(() => []);
      const stored = await Promise.all(names.filter((name) => name.endsWith('.json')).map((name) => read(join(folder ?? '', name))));
      const erased = new Set([...known].flatMap(([userId, history]) => (history === undefined ? [userId] : [])));
      const all = [...stored.flatMap((history) => (history === undefined ? [] : [history.userId])), ...[...known].flatMap(([userId, history]) => (history === undefined ? [] : [userId]))];
      return [...new Set(all)].filter((userId) => !erased.has(userId)).sort();
    },
    async flush() {
      while (writing.size > 0) await Promise.all(writing.values());
    },
  };
}
