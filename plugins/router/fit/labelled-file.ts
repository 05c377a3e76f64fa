/** Labelled texts: `text TAB domain [TAB alternates or source]`, one a line; a line `text TAB domain …` at the top is a header. */

import { readFile } from 'node:fs/promises';
import { readError, TaraError } from 'tara-gguf/plugin';

export interface LabelledLine {
  readonly text: string;
  /** The best domain first; `none` for no domain. */
  readonly right: readonly string[];
  /** Where it is from; the best domain when the file does not say. */
  readonly group: string;
}

/** TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE; TARA_CONFIG_INVALID names the line. */
export async function readLabelled(path: string, domains: ReadonlySet<string>): Promise<LabelledLine[]> {
  const content = await readFile(path, 'utf8').catch((thrown: unknown) => { throw readError(path, thrown); });
  const lines = content.split('\n').map((line, index) => ({ fields: line.replace(/\r$/, '').split('\t'), number: index + 1 }));
  const rows = lines.filter(({ fields, number }) => fields.join('').trim() !== '' && !(number === 1 && fields[0] === 'text' && fields[1] === 'domain'));
  const labelled = rows.map(({ fields: [text = '', domain = '', third = ''], number }): LabelledLine => {
    if (text.trim() === '' || !domains.has(domain)) {
      throw new TaraError('TARA_CONFIG_INVALID', { path, reason: `line ${number}: expected text TAB domain, with one of: ${[...domains].join(', ')}` });
    }
    const others = third.split(',').map((name) => name.trim()).filter((name) => name !== '');
    const alternates = others.every((name) => domains.has(name));
    return { text, right: alternates ? [...new Set([domain, ...others])] : [domain], group: alternates ? domain : third };
  });
  if (labelled.length === 0) throw new TaraError('TARA_CONFIG_INVALID', { path, reason: 'no labelled texts' });
  return labelled;
}
