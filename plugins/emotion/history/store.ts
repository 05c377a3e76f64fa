/** What is kept of users and of crises: emotion.db in the state folder. Numbers and names of rules, never a text. */

import { EMOTIONS, TaraError, type Crisis, type EmotionName } from 'tara-gguf/plugin';
import type { PluginDatabase, PluginDatabases } from 'tara-gguf';
import type { Moment } from './state.js';

/** Where it lies, for `pluginDatabases.open`. */
export const DATABASE = 'emotion';

export const SCHEMA = `
CREATE TABLE IF NOT EXISTS moments (id INTEGER PRIMARY KEY, user TEXT NOT NULL, at INTEGER NOT NULL, dominant TEXT NOT NULL, probabilities TEXT NOT NULL, intensity REAL NOT NULL, valence REAL NOT NULL);
CREATE INDEX IF NOT EXISTS moments_of_user ON moments (user, id);
CREATE TABLE IF NOT EXISTS crises (day TEXT NOT NULL, source TEXT NOT NULL, level TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (day, source, level, reason));
`;

const LONGEST_ID = 256;

interface Row {
  readonly at: number;
  readonly dominant: EmotionName | 'neutral';
  readonly probabilities: string;
  readonly intensity: number;
  readonly valence: number;
}

export interface CrisisCount {
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  /** Who said it: the user's message or the model's reply. */
  readonly source: 'message' | 'reply';
  readonly level: Crisis['level'];
  /** Name of the rule. */
  readonly reason: string;
  readonly count: number;
}

function checkedId(userId: string): string {
  if (userId === '' || userId.length > LONGEST_ID || userId.includes('\0')) throw new TaraError('TARA_OPTION_INVALID', { option: 'userId', reason: `must have 1 to ${LONGEST_ID} characters, none of them NUL` });
  return userId;
}

export class EmotionStore {
  readonly #db: PluginDatabase;

  private constructor(db: PluginDatabase) {
    this.#db = db;
  }

  /** `read` creates no file. */
  static async open(databases: PluginDatabases, access: 'read' | 'write'): Promise<EmotionStore> {
    return new EmotionStore(await databases.open(DATABASE, access, SCHEMA));
  }

  /** Adds a moment and drops all but the newest `keep` of the user. */
  add(userId: string, { at, dominant, probabilities, intensity, valence }: Moment, keep: number): void {
    const user = checkedId(userId);
    this.#db.write(() => {
      this.#db.run('INSERT INTO moments (user, at, dominant, probabilities, intensity, valence) VALUES (?, ?, ?, ?, ?, ?)', user, at, dominant, JSON.stringify(probabilities), intensity, valence);
      this.#db.run('DELETE FROM moments WHERE user = ? AND id <= (SELECT id FROM moments WHERE user = ? ORDER BY id DESC LIMIT 1 OFFSET ?)', user, user, keep);
    });
  }

  /** Oldest first; none for a user nobody knows. */
  moments(userId: string): Moment[] {
    return this.#db
      .all<Row>('SELECT at, dominant, probabilities, intensity, valence FROM moments WHERE user = ? ORDER BY id', checkedId(userId))
      .map((row) => ({ ...row, probabilities: (JSON.parse(row.probabilities) as unknown[]).slice(0, EMOTIONS.length).map(Number) }));
  }

  /** Returns how many moments there were. */
  erase(userId: string): number {
    return this.#db.run('DELETE FROM moments WHERE user = ?', checkedId(userId));
  }

  count(crisis: Crisis, source: CrisisCount['source'], at: Date): void {
    const day = at.toISOString().slice(0, 10);
    this.#db.write(() => {
      for (const reason of crisis.reasons) this.#db.run('INSERT INTO crises VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1', day, source, crisis.level, reason);
    });
  }

  counts(): CrisisCount[] {
    return this.#db.all<CrisisCount>('SELECT day, source, level, reason, count FROM crises ORDER BY day, source, level, reason');
  }

  close(): void {
    this.#db.close();
  }
}
