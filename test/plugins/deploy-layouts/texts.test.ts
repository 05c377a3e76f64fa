/** Merging into texts of other people: what is theirs stays to the byte, what is ours is what a reader of the format finds. */
import fc from 'fast-check';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { setEnv } from '../../../plugins/deploy/layouts/env.js';
import { setJson } from '../../../plugins/deploy/layouts/json.js';
import { setYaml } from '../../../plugins/deploy/layouts/yaml.js';

/** Everything of `before` stands in `after` in its order, line by line; what was added or changed is left out. */
function keepsLines(before: string, after: string, changed: readonly string[] = []): void {
  let at = 0;
  const lines = after.split('\n');
  for (const line of before.split('\n').filter((one) => !changed.includes(one))) {
    const found = lines.indexOf(line, at);
    expect(found, `${JSON.stringify(line)} is gone from ${JSON.stringify(after)}`).toBeGreaterThanOrEqual(at);
    at = found + 1;
  }
}

describe('YAML', () => {
  const CONFIG = '# the domains\ncategories:\n  # of the body\n  health: # first\n    tier: safety\n\n    domains:\n      general: { model: a.gguf } # flow\n      heart:\n        model: b.gguf # to go\n        keywords:\n          - pulse\n          - "blood pressure"\n  empty:\nanchors:\n  base: &base\n    x: 1\n  more:\n    <<: *base\nlast: |\n  text\n  more\n';

  test('sets a value, adds keys at every depth, and leaves the rest as it is', () => {
    const after = setYaml(CONFIG, 'x', [
      { path: ['categories', 'health', 'domains', 'heart', 'model'], value: 'c.gguf' },
      { path: ['categories', 'health', 'domains', 'skin', 'model'], value: 'd.gguf' },
      { path: ['categories', 'empty', 'tier'], value: 'low' },
      { path: ['own', 'list'], value: [1, { a: 'b' }] },
    ]);
    expect(after).toContain('        model: c.gguf # to go\n');
    keepsLines(CONFIG, after, ['        model: b.gguf # to go']);
    expect(parse(after, { merge: true })).toMatchObject({
      categories: { health: { tier: 'safety', domains: { general: { model: 'a.gguf' }, heart: { model: 'c.gguf', keywords: ['pulse', 'blood pressure'] }, skin: { model: 'd.gguf' } } }, empty: { tier: 'low' } },
      anchors: { more: { x: 1 } }, last: 'text\nmore\n', own: { list: [1, { a: 'b' }] },
    });
  });

  test('a text that says it all is not touched', () => {
    const strange = 'a:   {b:  1,c: [ 2 ]}   # odd\n\n\n"q": yes\n';
    expect(setYaml(strange, 'x', [{ path: ['a', 'b'], value: 1 }, { path: ['q'], value: 'yes' }])).toBe(strange);
  });

  test.each([['', 'own:\n  a: 1\n'], ['# only a comment\n', '# only a comment\nown:\n  a: 1\n'], ['x: 1', 'x: 1\nown:\n  a: 1\n'], ['x: 1\r\n', 'x: 1\r\nown:\r\n  a: 1\r\n']])('into %j', (before, after) => {
    expect(setYaml(before, 'x', [{ path: ['own', 'a'], value: 1 }])).toBe(after);
  });

  test.each(['a: [', '- 1\n- 2\n', 'a: 1\na: 2\n'])('refuses %j', (text) => {
    expect(() => setYaml(text, 'config/x.yaml', [{ path: ['own'], value: 1 }])).toThrow(/config\/x\.yaml/);
  });

  test('any data, any path: a reader finds the value and everything else', () => {
    const key = fc.stringMatching(/^[a-z][a-z0-9_]{0,6}$/);
    const leaf = fc.oneof(fc.integer(), fc.boolean(), fc.constant(null), fc.string(), fc.array(fc.integer(), { maxLength: 3 }));
    const { tree } = fc.letrec((tie) => ({ tree: fc.dictionary(key, fc.oneof({ depthSize: 'small' }, leaf, tie('tree')), { maxKeys: 4 }) }));
    fc.assert(fc.property(tree as fc.Arbitrary<Record<string, unknown>>, fc.array(key, { minLength: 1, maxLength: 3 }), leaf, (data, path, value) => {
      const wanted = JSON.parse(JSON.stringify(data)) as Record<string, unknown>;
      let at = wanted;
      for (const name of path.slice(0, -1)) {
        const inner = at[name];
        const next = typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? inner as Record<string, unknown> : {};
        at[name] = next;
        at = next;
      }
      at[path.at(-1) ?? ''] = value;
      const text = Object.entries(data).length === 0 ? '' : setYaml(null, 'x', Object.entries(data).map(([name, inner]) => ({ path: [name], value: inner })));
      const once = setYaml(text, 'x', [{ path, value }]);
      expect(parse(once)).toEqual(wanted);
      expect(setYaml(once, 'x', [{ path, value }])).toBe(once);
    }), { numRuns: 300 });
  });
});

describe('JSON', () => {
  test('numbers, order, indentation and line ends stay as they were written', () => {
    const before = '{\r\n\t"z": 1.0,\r\n\t"big": 12345678901234567890,\r\n\t"a": {"x": 1e5}\r\n}\r\n';
    const after = setJson(before, 'x', [{ path: ['tara', 'release'], value: 'r' }, { path: ['a', 'y'], value: [1] }]);
    expect(after).toContain('\t"z": 1.0,\r\n\t"big": 12345678901234567890,\r\n');
    expect(after).toContain('"x": 1e5');
    expect(JSON.parse(after)).toMatchObject({ z: 1, a: { x: 1e5, y: [1] }, tara: { release: 'r' } });
    expect(setJson(after, 'x', [{ path: ['tara', 'release'], value: 'r' }])).toBe(after);
  });

  test.each(['[]', '{', '{"a": }'])('refuses %j', (text) => {
    expect(() => setJson(text, 'config/x.json', [{ path: ['own'], value: 1 }])).toThrow(/config\/x\.json/);
  });
});

describe('.env', () => {
  test('values change in their lines; comments, order, quotes of others and line ends stay', () => {
    const before = '# settings\r\nexport A=1 # one\r\n\r\nB = "two words"\r\nC=\'x # y\' # z\r\nA=again';
    const after = setEnv(before, { A: 'new', C: '', D: 'a b' });
    expect(after).toBe('# settings\r\nexport A=new # one\r\n\r\nB = "two words"\r\nC="" # z\r\nA=new\r\nD="a b"\r\n');
    expect(setEnv(after, { A: 'new', C: '', D: 'a b' })).toBe(after);
  });

  test('lines of other keys are kept whatever they hold', () => {
    fc.assert(fc.property(fc.array(fc.string({ maxLength: 30 }).filter((line) => !/[\r\n]/.test(line) && !/^\s*(export\s+)?OURS\s*=/.test(line)), { maxLength: 8 }), (lines) => {
      keepsLines(['first', ...lines, 'last'].join('\n'), setEnv(['first', ...lines, 'last'].join('\n'), { OURS: 'v' }));
    }));
  });
});
