/** Our regular expressions against JavaScript's, on patterns that cannot run away there. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pattern, PatternTooComplex, someWork } from '../../src/formats/pattern.js';

const isIn = (source: string, text: string): boolean => new Pattern(source).isIn(text, someWork());
const names = ['token_embd.weight', 'blk.0.attn_v.weight', 'blk.1.attn_v.weight', 'blk.12.ffn_down.weight', 'blk.112.ffn_down_exps.weight', 'output.weight', 'output_norm.weight', ''];

/** Pieces of patterns whose repetitions are short, so that backtracking stays cheap. */
const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '(a|b)', '(?:ab|a|)', '\\.', '\\w', '[a-c]', '(a|(b|c)d)');
const times = fc.constantFrom('', '', '', '?', '*', '+', '{2}', '{0}', '{1,2}', '{0,3}', '{2,}', '*?', '{1,2}?');
const pattern = fc.tuple(fc.constantFrom('', '^', '(^|b)'), fc.array(fc.tuple(atom, times).map((parts) => parts.join('')), { maxLength: 5 }), fc.constantFrom('', '$', '(c|$)'))
  .map(([start, middle, end]) => `${start}${middle.join('')}${end}`);

describe('Pattern', () => {
  it.each([
    'attn_v', 'ATTN', '^output', 'weight$', '^output\\.weight$', 'blk\\.([0-9]|1[0-2])\\.', 'blk\\.\\d{1,2}\\.ffn', 'blk\\.\\d{3}\\.', 'blk\\.(0|1)\\.attn_(v|k)', 'ffn_(up|down)_exps', '.', '', '^$', 'x*', 'd{2,}', '(blk\\.1){1}2',
  ])('finds %j where JavaScript does', (source) => {
    expect(names.filter((name) => isIn(source, name))).toEqual(names.filter((name) => new RegExp(source).test(name)));
  });

  it('agrees with JavaScript on any pattern of its syntax', () => {
    fc.assert(fc.property(pattern, fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', '.'), maxLength: 9 }), (source, text) => {
      expect(isIn(source, text)).toBe(new RegExp(source).test(text));
    }), { numRuns: 2000 });
  });

  it.each(['(', ')', '[', 'a**', '*', 'a{3,1}', 'a{1', '(?=a)', '(?<n>a)', '\\1', '\\bx', 'a{999}{999}', '((a{99}){99}){99}', '('.repeat(40) + ')'.repeat(40), 'a'.repeat(2000)])('refuses %j', (source) => {
    expect(() => new Pattern(source)).toThrow(PatternTooComplex);
  });

  it('spends its work and no more, whatever the pattern', () => {
    const hostile = new Pattern('(.*.*.*.*){30}x');
    const work = someWork();
    expect(() => {
      for (let round = 0; round < 10_000; round++) hostile.isIn('a'.repeat(63), work);
    }).toThrow(PatternTooComplex);
  });
});
