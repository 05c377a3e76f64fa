/** Training rows: a text and its emotions, from TSV files in the form of the data sets (text, TAB, comma-separated labels). */

import { EMOTIONS, TaraError, type EmotionName } from 'tara-gguf/plugin';

export interface Row {
  readonly text: string;
  /** 1 for each emotion the text has, in the order of EMOTIONS; all 0 is neutral. */
  readonly labels: readonly number[];
}

/** Rows that belong together: thresholds are chosen to serve every source alike. */
export interface Source {
  readonly name: string;
  readonly rows: readonly Row[];
  /** How much one row counts. */
  readonly weight: number;
  /** Left out of what thresholds and calibration are chosen on: too few rows, or of another make than what users write. */
  readonly onlyTraining?: boolean;
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
