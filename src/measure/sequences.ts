/** Token sequences on their way to native code, and progress on its way back. */

/** All tokens in a row, as bytes. */
export function joined(sequences: readonly Int32Array[]): Uint8Array {
  const tokens = new Int32Array(sequences.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const sequence of sequences) {
    tokens.set(sequence, at);
    at += sequence.length;
  }
  return new Uint8Array(tokens.buffer);
}

/** { done, total } as a share. */
export const shareOf = (onProgress: ((fraction: number) => void) | undefined) => (progress: unknown): void => {
  const { done, total } = progress as { done: number; total: number };
  onProgress?.(done / total);
};
