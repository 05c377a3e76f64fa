/** How many tensors are of each type: what is really in a file, whatever its label says. */
export function countTypes(tensors: readonly { readonly type: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { type } of tensors) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}
