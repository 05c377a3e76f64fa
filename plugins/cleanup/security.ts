/** What could harm whoever uses the folder: programs, archives, secrets and chat templates that misbehave. */
import { open, readFile } from 'node:fs/promises';
import { TaraError } from 'tara-gguf/plugin';
import { fileAt, openable, type Folder } from './folder.js';
import { kindOfContent, mayHoldPrograms, PROGRAM } from './programs.js';
import { findSecrets, mayHoldSecrets } from './secrets.js';
import { checkTemplates } from './templates.js';
import { nameOf, type Entry } from './tree.js';

const HEAD = 512;
/** A configuration is smaller. */
const MOST_BYTES = 1 << 20;

async function headOf(path: string | Buffer): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(HEAD), 0, HEAD, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function checkProgram(folder: Folder, entry: Entry): Promise<void> {
  const { findings } = folder;
  const name = nameOf(entry.path);
  if (PROGRAM.test(name)) findings.report('CODE_FILE', entry.path, 'warning', 'it is a program; read it before anything runs it');
  else if (mayHoldPrograms(name) && entry.bytes > 0) {
    const kind = kindOfContent(name, await headOf(openable(folder, entry)));
    if (kind === 'program') findings.report('CODE_FILE', entry.path, 'warning', 'it is a script; read it before anything runs it');
    if (kind === 'executable') findings.report('EXECUTABLE_FILE', entry.path, 'warning', 'it is a compiled program or library, which no model needs');
    if (kind === 'archive') findings.report('ARCHIVE_FILE', entry.path, 'warning', 'it is an archive, whose content was not looked at');
  }
}

/** Takes secrets out of a configuration, on top of what other fixes made of it. */
async function checkSecrets(folder: Folder, entry: Entry): Promise<void> {
  const { findings } = folder;
  const text = findings.texts.get(entry.path) ?? await readFile(openable(folder, entry), 'utf8');
  // A file that is no UTF-8 would not survive being rewritten.
  if (text.includes('\uFFFD')) return;
  const { found, stripped } = findSecrets(nameOf(entry.path), text);
  for (const what of found) findings.report('SECRET_FOUND', entry.path, 'warning', `it holds ${what}, which the cleaned folder does not; whoever has the original should revoke it`);
  if (found.length > 0) findings.rewrite('SECRETS', entry.path, stripped);
}

/** Checks every file that stays. */
export async function checkSecurity(folder: Folder): Promise<void> {
  for (const { path } of folder.tree.entries.values()) {
    if (folder.signal?.aborted) throw new TaraError('TARA_ABORTED');
    const entry = folder.tree.entries.get(path)?.kind === 'file' ? fileAt(folder, path) : undefined;
    if (entry === undefined) continue;
    try {
      await checkProgram(folder, entry);
      // Names in bytes cannot be rewritten by path.
      if (entry.raw === undefined && entry.bytes <= MOST_BYTES && mayHoldSecrets(nameOf(path))) await checkSecrets(folder, entry);
    } catch (thrown) {
      if (thrown instanceof TaraError) throw thrown;
      folder.findings.lose('UNREADABLE_FILE', path, (thrown as Error).message);
    }
  }
  await checkTemplates(folder);
}
