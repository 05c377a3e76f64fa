/** Pareto fronts: what no other choice beats in both of two costs. */

/** The items that no other is at most as costly as in both and less in one, cheapest in `x` first. Costs that are NaN never count. */
export function paretoFront<Item>(items: readonly Item[], x: (item: Item) => number, y: (item: Item) => number): Item[] {
  const sorted = items.filter((item) => !Number.isNaN(x(item)) && !Number.isNaN(y(item))).sort((a, b) => x(a) - x(b) || y(a) - y(b));
  const front: Item[] = [];
  for (const item of sorted) {
    const last = front.at(-1);
    const twin = last !== undefined && x(item) === x(last) && y(item) === y(last);
    if (last === undefined || twin || y(item) < y(last)) front.push(item);
  }
  return front;
}
