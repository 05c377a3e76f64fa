/** Small text files beside a checkpoint: absent is undefined, anything unreadable or malformed names the file. */
import { join } from 'node:path';
import { TaraError } from '../../errors.js';
import { withFile } from '../../formats/files.js';
import { innerFile } from '../../formats/folder.js';
import { oneLine } from '../../formats/one-line.js';

/** tokenizer.json of a 250k-token vocabulary has 33 MB. */
const MAX_BYTES = 256 * 1024 * 1024;

export type Json = Readonly<Record<string, unknown>>;

export const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The bytes of the regular file `dir/name`, or undefined when there is no such file. Throws TARA_FILE_UNREADABLE, also for a link that leads out. */
export async function readBytes(dir: string, name: string): Promise<Buffer | undefined> {
  const path = join(dir, name);
  try {
    return await withFile(await innerFile(dir, name), async (handle, { size }) => {
      if (size > MAX_BYTES) throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: `it has ${size} bytes, more than any such file` });
      return handle.readFile();
    });
  } catch (thrown) {
    if (thrown instanceof TaraError && thrown.code === 'TARA_FILE_NOT_FOUND') return undefined;
    throw thrown;
  }
}

export const readText = async (dir: string, name: string): Promise<string | undefined> => (await readBytes(dir, name))?.toString('utf8');

/** The JSON object in `dir/name`, or undefined when there is no such file. Throws TARA_CONFIG_INVALID. */
export async function readObject(dir: string, name: string): Promise<Json | undefined> {
  const content = await readText(dir, name);
  const invalid = (reason: string, cause?: unknown) => new TaraError('TARA_CONFIG_INVALID', { path: join(dir, name), reason: oneLine(reason) }, { cause });
  return content === undefined ? undefined : jsonObject(content, invalid);
}

/** The JSON object that `content` is; `invalid` makes the error that says why it is none. */
export function jsonObject(content: string, invalid: (reason: string, cause?: unknown) => TaraError): Json {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (thrown) {
    throw invalid(`it is no JSON: ${(thrown as Error).message}`, thrown);
  }
  if (!isRecord(value)) throw invalid('it holds no JSON object');
  return value;
}
