/** The lines written for this project, as training rows: everyday sentences by emotion, and lines by crisis level. */

import { readFile } from 'node:fs/promises';
import { LEVEL_NAMES } from '../reading/model.js';
import type { CrisisRow } from './train.js';
import { parseRows, type Source } from './rows.js';

/** Beside this file in the sources; in the package, from dist. */
const FOLDERS = [new URL('./', import.meta.url), new URL('../../../../plugins/emotion/training/', import.meta.url)];

async function read(name: string): Promise<string> {
  const [near, far] = FOLDERS.map((folder) => new URL(name, folder));
  return readFile(near as URL, 'utf8').catch(() => readFile(far as URL, 'utf8'));
}

/** They are few, so each counts much, and thresholds are not chosen on them. */
export const ownSource = async (): Promise<Source> => ({ name: 'own', weight: 3, onlyTraining: true, rows: parseRows(await read('own-lines.tsv'), 'own-lines.tsv') });

export const crisisRows = async (): Promise<CrisisRow[]> =>
  (await read('crisis-lines.tsv')).split('\n').flatMap((line) => {
    const [text = '', level = ''] = line.split('\t');
    return text === '' ? [] : [{ text, level: (LEVEL_NAMES as readonly string[]).indexOf(level) }];
  });
