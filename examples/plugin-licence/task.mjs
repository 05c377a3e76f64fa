/** Runs in the pool of worker threads: which words stand in which files. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export default async function task({ folder, files, words }, { check }) {
  const found = [];
  for (const file of files) {
    check();
    const text = (await readFile(join(folder, file), 'utf8')).toLowerCase();
    for (const word of words) if (text.includes(word.toLowerCase())) found.push({ file, word });
  }
  return found;
}
