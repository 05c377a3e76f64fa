import fc from 'fast-check';
import { expect, it } from 'vitest';
import { orderGraph } from '../../src/kernel/graph.js';
import { plugin, started } from './helpers.js';

/** Plugins p0..pn where each requires or likes some of lower number, in any order of naming. */
const dag = fc
  .integer({ min: 1, max: 12 })
  .chain((count) => fc.tuple(fc.array(fc.array(fc.tuple(fc.nat(count), fc.boolean()), { maxLength: 4 }), { minLength: count, maxLength: count }), fc.shuffledSubarray([...Array(count).keys()], { minLength: count, maxLength: count })))
  .map(([edges, naming]) => {
    const needs = edges.map((list, node) => list.filter(([to]) => to < node));
    return naming.map((node) => ({
      name: `p${node}`,
      requires: (needs[node] ?? []).filter(([, hard]) => hard).map(([to]) => `p${to}`),
      optional: (needs[node] ?? []).filter(([, hard]) => !hard).map(([to]) => `p${to}`),
    }));
  });

it('starts any acyclic set after what it needs, and stops it in exactly the reverse order', () =>
  fc.assert(
    fc.asyncProperty(dag, async (graph) => {
      const begun: string[] = [];
      const ended: string[] = [];
      const { host, states } = await started(graph.map(({ name, requires, optional }) => plugin(name, { requires, optional, start: () => void begun.push(name), stop: () => void ended.push(name) })));
      expect(states()).toEqual(graph.map(({ name }) => `${name}: started`));
      for (const { name, requires, optional } of graph) for (const need of [...requires, ...optional]) expect(begun.indexOf(need)).toBeLessThan(begun.indexOf(name));
      await host.stop();
      expect(ended).toEqual([...begun].reverse());
    }),
    { numRuns: 150 },
  ));

it('fails what stands above a crash and nothing else, for any acyclic set', () =>
  fc.assert(
    fc.asyncProperty(dag, fc.nat(11), async (graph, pick) => {
      const bad = `p${pick % graph.length}`;
      const above = new Set([bad]);
      for (let size = 0; size !== above.size; ) {
        size = above.size;
        for (const { name, requires } of graph) if (requires.some((need) => above.has(need))) above.add(name);
      }
      const { host } = await started(graph.map(({ name, requires, optional }) => plugin(name, { requires, optional, start: () => (name === bad ? Promise.reject(new Error('boom')) : undefined) })));
      for (const { name, state } of host.plugins()) expect(state).toBe(above.has(name) ? 'failed' : 'started');
    }),
    { numRuns: 150 },
  ));

it('sorts every graph into order, cycles and what stands on them', () =>
  fc.assert(
    fc.property(fc.array(fc.array(fc.nat(7), { maxLength: 3 }), { minLength: 8, maxLength: 8 }), (edges) => {
      const needs = new Map(edges.map((list, node) => [String(node), list.map(String)]));
      const { order, cycles, stuck } = orderGraph(needs);
      expect([...order, ...cycles.keys(), ...stuck].sort()).toEqual([...needs.keys()].sort());
      order.forEach((name, index) => expect((needs.get(name) ?? []).every((need) => order.indexOf(need) >= 0 && order.indexOf(need) < index)).toBe(true));
      for (const [name, way] of cycles) {
        expect([way[0], way.at(-1)]).toEqual([name, name]);
        way.slice(1).forEach((to, index) => expect(needs.get(way[index] ?? '')).toContain(to));
      }
    }),
  ));
