/** A plugin's own SQLite file, beside the registry in the state folder. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Home } from '../home.js';
import { Db } from './database.js';
import { checkFolder, makeFolder } from './registry.js';

/** See PluginDatabases in ../service.ts. */
export function openPluginDatabase(home: Home, name: string, access: 'read' | 'write', schema: string): Db {
  const path = join(home.path, `${name}.db`);
  checkFolder(home.path);
  if (access === 'write') makeFolder(home.path);
  const db = new Db(access === 'write' || existsSync(path) ? path : ':memory:');
  try {
    db.useWal();
    db.write(() => db.exec(schema));
    return db;
  } catch (thrown) {
    db.close();
    throw thrown;
  }
}
