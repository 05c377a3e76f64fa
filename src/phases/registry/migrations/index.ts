/** Brings a registry file to the schema of this version, one numbered step after another, each in its own transaction. */
import { TaraError } from '../../../errors.js';
import type { Db } from '../database.js';
import * as phases from './001-phases.js';
import * as releases from './002-releases.js';
import * as layouts from './003-layouts.js';
import * as checklists from './004-checklists.js';

export interface Migration {
  readonly version: number;
  readonly sql: string;
}

/** In order; a released step is never edited, only followed by another. */
export const MIGRATIONS: readonly Migration[] = [phases, releases, layouts, checklists];

/** 'TARA' in the file's header tells a registry from any other SQLite file. */
const APPLICATION_ID = 0x54415241;

interface Header {
  readonly id: number;
  readonly version: number;
  readonly tables: number;
}

/** One statement, so that a migration of another process is seen whole or not at all. */
const headerOf = (db: Db): Header =>
  db.one<Header>('SELECT (SELECT application_id FROM pragma_application_id) AS id, (SELECT user_version FROM pragma_user_version) AS version, (SELECT count(*) FROM sqlite_master) AS tables')
  ?? { id: 0, version: 0, tables: 0 };

/** Throws TARA_REGISTRY_NEWER for a later schema and TARA_REGISTRY_CORRUPT for a database that is not ours. Writes nothing. */
export function identify(db: Db, migrations: readonly Migration[] = MIGRATIONS): number {
  const known = migrations.at(-1)?.version ?? 0;
  const { id, version, tables } = headerOf(db);
  if (id !== APPLICATION_ID && !(tables === 0 && id === 0 && version === 0)) {
    throw new TaraError('TARA_REGISTRY_CORRUPT', { path: db.path, reason: 'it is a database of another program' });
  }
  if (version > known) throw new TaraError('TARA_REGISTRY_NEWER', { path: db.path, found: version, known });
  return version;
}

/** Runs the steps that the file has not seen. */
export function migrate(db: Db, migrations: readonly Migration[] = MIGRATIONS): void {
  const found = identify(db, migrations);
  for (const migration of migrations) {
    if (migration.version <= found) continue;
    db.write(() => {
      // Another process may have done this step while we waited.
      if (headerOf(db).version >= migration.version) return;
      db.exec(migration.sql);
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${migration.version}`);
    });
  }
}
