/** Row orders of rotary projections. Hugging Face keeps a head's two halves apart; the llama architecture interleaves them. */

/** Index lists as a plan's tables hold them: flat [start, count, …] runs. */
export function runs(indices: readonly number[]): number[] {
  const flat: number[] = [];
  for (const index of indices) {
    const last = flat.length - 2;
    if (last >= 0 && (flat[last] ?? 0) + (flat[last + 1] ?? 0) === index) flat[last + 1] = (flat[last + 1] ?? 0) + 1;
    else flat.push(index, 1);
  }
  return flat;
}

/** For each row in the interleaved order, the row of Hugging Face's order that goes there. */
export function interleave(rows: number, heads: number): number[] {
  const size = rows / heads;
  return Array.from({ length: rows }, (_, row) => {
    const inHead = row % size;
    return row - inHead + (inHead % 2) * (size / 2) + Math.floor(inHead / 2);
  });
}

/** The inverse: for each row in Hugging Face's order, the interleaved row that goes there. */
export function deinterleave(rows: number, heads: number): number[] {
  const back = new Array<number>(rows).fill(0);
  interleave(rows, heads).forEach((from, to) => {
    back[from] = to;
  });
  return back;
}
