/** The lines written for this project, as training rows: everyday sentences by emotion, and lines by crisis level. */

import { readFile } from 'node:fs/promises';
import { LEVEL_NAMES } from '../reading/model.js';
import type { CrisisRow } from './train.js';
import { parseRows, type Row, type Source } from './rows.js';

/** Beside this file in the sources; in the package, from dist. */
const FOLDERS = [new URL('./', import.meta.url), new URL('../../../../plugins/emotion/training/', import.meta.url)];

async function read(name: string): Promise<string> {
  const [near, far] = FOLDERS.map((folder) => new URL(name, folder));
  return readFile(near as URL, 'utf8').catch(() => readFile(far as URL, 'utf8'));
}

/** Sentences that a list of emotion words and phrases makes: `I am furious`, `I'm so furious today`. */
const FORMS = [(word: string) => `I am ${word}`, (word: string) => `I'm so ${word}!`, (word: string) => `I feel ${word} today`];

/** A line holds an emotion, TAB, `word`, TAB and a list of what follows `I am`; or `sentence` and whole sentences between semicolons. */
async function wordRows(): Promise<Row[]> {
  const lines = (await read('emotion-words.tsv')).split('\n').filter((line) => line !== '').map((line) => line.split('\t'));
  const sentences = lines.flatMap(([emotion = '', form = '', list = '']) =>
    (form === 'sentence' ? list.split(';') : list.split(', ').flatMap((word) => FORMS.map((make) => make(word)))).map((text) => `${text}\t${emotion}`),
  );
  return parseRows(sentences.join('\n'), 'emotion-words.tsv');
}

/** They are few, so each counts much. */
export async function ownSource(): Promise<Source> {
  const rows = [...parseRows(await read('own-lines.tsv'), 'own-lines.tsv'), ...(await wordRows())];
  return { name: 'own', expert: undefined, weight: { labels: 3, gate: 0 }, rows };
}

export const crisisRows = async (): Promise<CrisisRow[]> =>
  (await read('crisis-lines.tsv')).split('\n').flatMap((line) => {
    const [text = '', level = ''] = line.split('\t');
    return text === '' ? [] : [{ text, level: (LEVEL_NAMES as readonly string[]).indexOf(level) }];
  });
