/** Training rows: a text and its emotions, from TSV files in the form of the data sets (text, TAB, comma-separated labels). */

import { EMOTIONS, TaraError, type EmotionName } from 'tara-gguf/plugin';

export interface Row {
  readonly text: string;
  /** 1 for each emotion the text has, in the order of EMOTIONS; all 0 is neutral. */
  readonly labels: readonly number[];
}

/** Rows that were labelled by one convention. */
export interface Source {
  readonly name: string;
  readonly rows: readonly Row[];
  /** The expert that learns this convention, from 0; undefined for lines of our own, which every expert learns. They are too few to choose thresholds on. */
  readonly expert: number | undefined;
  /** How much one row counts for an expert beside rows of other kinds and for the gate, where it makes up for a source's size. */
  readonly weight: { readonly labels: number; readonly gate: number };
}

const isEmotion = (label: string): label is EmotionName => (EMOTIONS as readonly string[]).includes(label);

/** Throws TARA_CONFIG_INVALID with the line that is wrong, or where there is no row at all. */
export function parseRows(tsv: string, path: string): Row[] {
  const rows = tsv.split('\n').flatMap((line, index): Row[] => {
    const [text = '', labels = ''] = line.replace(/\r$/, '').split('\t');
    if (text.trim() === '') return [];
    const names = labels.split(',').map((label) => label.trim()).filter((label) => label !== '' && label !== 'neutral');
    const wrong = names.find((name) => !isEmotion(name));
    if (wrong !== undefined) throw new TaraError('TARA_CONFIG_INVALID', { path, reason: `line ${index + 1}: ${JSON.stringify(wrong.slice(0, 40))} is none of ${EMOTIONS.join(', ')}, neutral` });
    return [{ text: text.trim(), labels: EMOTIONS.map((name) => Number(names.includes(name))) }];
  });
  if (rows.length === 0) throw new TaraError('TARA_CONFIG_INVALID', { path, reason: 'it has no rows of a text, a TAB and labels' });
  return rows;
}
