/** The order in which plugins start. */

export interface Ordered {
  /** Every node whose needs come before it; otherwise in the order given. */
  readonly order: readonly string[];
  /** For each node that needs itself, the way round: first and last name are the node's. */
  readonly cycles: ReadonlyMap<string, readonly string[]>;
  /** Nodes that stand on a cycle without being part of one. */
  readonly stuck: readonly string[];
}

/** Sorts a graph given as name -> names that must come first; every need is itself a node. */
export function orderGraph(needs: ReadonlyMap<string, readonly string[]>): Ordered {
  const order: string[] = [];
  const placed = new Set<string>();
  let waiting = [...needs.keys()];
  for (;;) {
    const next = waiting.find((name) => (needs.get(name) ?? []).every((need) => placed.has(need)));
    if (next === undefined) break;
    order.push(next);
    placed.add(next);
    waiting = waiting.filter((name) => name !== next);
  }
  const left = new Set(waiting);
  const cycles = new Map<string, readonly string[]>();
  for (const name of waiting) {
    const way = wayBack(name, needs, left);
    if (way !== undefined) cycles.set(name, way);
  }
  return { order, cycles, stuck: waiting.filter((name) => !cycles.has(name)) };
}

/** The shortest way from a node back to itself, breadth first. */
function wayBack(start: string, needs: ReadonlyMap<string, readonly string[]>, within: ReadonlySet<string>): readonly string[] | undefined {
  const seen = new Set<string>();
  let ways: string[][] = [[start]];
  while (ways.length > 0) {
    const longer: string[][] = [];
    for (const way of ways) {
      for (const need of needs.get(way.at(-1) ?? start) ?? []) {
        if (need === start) return [...way, start];
        if (!within.has(need) || seen.has(need)) continue;
        seen.add(need);
        longer.push([...way, need]);
      }
    }
    ways = longer;
  }
  return undefined;
}
