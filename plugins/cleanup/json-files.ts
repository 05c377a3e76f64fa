/** Every small JSON file of a folder, whatever it is for: one that does not parse, or says a thing twice, is named. */
import { readFile } from 'node:fs/promises';
import { parseJson } from 'tara-gguf';
import { TaraError } from 'tara-gguf/plugin';
import { fileAt, openable, type Folder } from './folder.js';

/** A configuration is smaller. */
const MOST_BYTES = 1 << 20;
const MOST_DEEP = 64;

/** A warning: what is needed was read before, and reported as an error where it does not parse. */
export async function checkJsonFiles(folder: Folder): Promise<void> {
  const { findings, tree, signal } = folder;
  const known = new Set(findings.issues.filter(({ code }) => code === 'BAD_JSON').map(({ path }) => path));
  for (const { path } of tree.entries.values()) {
    if (signal?.aborted) throw new TaraError('TARA_ABORTED');
    const entry = /\.json$/i.test(path) && !known.has(path) ? fileAt(folder, path) : undefined;
    if (entry === undefined || entry.bytes > MOST_BYTES) continue;
    // What cannot be read is found by the checks of security, which read everything.
    const text = await readFile(openable(folder, entry), 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const fail = (reason: string): TaraError => new TaraError('TARA_CONFIG_INVALID', { path, reason });
    try {
      await parseJson(text, { depth: MOST_DEEP, fail });
    } catch (thrown) {
      if (!(thrown instanceof TaraError) || thrown.code !== 'TARA_CONFIG_INVALID') throw thrown;
      findings.report('BAD_JSON', path, 'warning', String(thrown.fields.reason));
    }
  }
}
