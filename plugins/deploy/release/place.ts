/** Where each file of a request goes in its release. */
import { basename } from 'node:path';
import { TaraError, type DeployFile } from 'tara-gguf/plugin';
import { folderOf } from '../store/format.js';

const DOMAIN = /^[a-z0-9][a-z0-9_-]{0,63}$/;

export interface PlacedFile {
  readonly file: DeployFile;
  /** Relative to the release. */
  readonly path: string;
}

/** Names that two files share get a number. Throws TARA_OPTION_INVALID. */
export function placeFiles(files: readonly DeployFile[]): PlacedFile[] {
  const taken = new Set<string>();
  return files.map((file) => {
    if (file.domain !== undefined && !DOMAIN.test(file.domain)) throw new TaraError('TARA_OPTION_INVALID', { option: 'domain', reason: `${JSON.stringify(file.domain.slice(0, 80))} is no name of a domain` });
    const folder = folderOf(file);
    const name = basename(file.path).replace(/[\\\p{Cc}]/gu, '_');
    let path = `${folder}/${name}`;
    for (let count = 2; taken.has(path.toLowerCase()); count++) path = `${folder}/${count}-${name}`;
    taken.add(path.toLowerCase());
    return { file, path };
  });
}
