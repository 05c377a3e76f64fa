/** A repeatable stream of numbers in 0..1: the order of rows, first weights and dropout are the same in every run. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Puts a list in random order, in place (Fisher-Yates). */
export function shuffle<T>(list: T[], random: () => number): void {
  for (let i = list.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    const moved = list[i] as T;
    list[i] = list[j] as T;
    list[j] = moved;
  }
}
