/** Recognises Python pickles by their first bytes. They are read as bytes, never unpickled. */
import { open } from 'node:fs/promises';

const ENDINGS = /\.(bin|pt|pth|pkl|pickle|ckpt)$/i;
/** Names of pickles that hold the state of a training run, not weights. */
const STATE = /^(optimizer|scheduler|rng_state|training_args|trainer_state|scaler|random_states)/i;
const HEAD = 1024;

export const mayBePickle = (name: string): boolean => ENDINGS.test(name);

/** Whether a pickle of this name may be a model's weights. */
export const mayBeWeights = (name: string): boolean => !STATE.test(name);

/**
 * Whether bytes start as a pickle does: protocol 2 and later name themselves, torch's zip archives
 * hold data.pkl, old torch files are tar archives, and protocol 0 and 1 start with one of few opcodes.
 */
export function startsAsPickle(head: Buffer): boolean {
  const first = head[0];
  if (first === undefined) return false;
  if (first === 0x80) return (head[1] ?? 255) <= 5;
  const text = head.toString('latin1');
  if (text.startsWith('PK\x03\x04')) return true;
  if (text.slice(257, 262) === 'ustar') return true;
  // GLOBAL and INST name a module and an attribute; MARK, EMPTY_DICT and EMPTY_LIST begin a container.
  return /^[ci][\w.]+\n[\w.]+\n/.test(text) || /^(\(|\}|\])[\s\S]{0,2}[pqcSXUVIJKMNLGFd(}\])l]/.test(text) || /^[SVIFL][^\n]*\np\d+\n/.test(text);
}

/** Whether the file is a pickle, by its first bytes. */
export async function isPickle(path: string | Buffer): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(HEAD), 0, HEAD, 0);
    return startsAsPickle(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}
