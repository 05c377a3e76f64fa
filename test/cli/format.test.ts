import { describe, expect, it } from 'vitest';
import { formatBytes, formatSeconds, parseCount, parseNumber, parseSize, printable } from '../../src/cli/format.js';
import { createProgress } from '../../src/cli/progress.js';
import { facts, table } from '../../src/cli/table.js';

describe('sizes and times', () => {
  it('reads sizes in every unit, bare ones as the option says', () => {
    const read = (text: string, bare: 'B' | 'MB' = 'B') => parseSize('--target-size', text, bare);
    expect([read('88.2MB'), read('88200000'), read('88.2', 'MB'), read('1 GiB'), read('1.5kb'), read('2m'), read('.5gb'), read('12B', 'MB')])
      .toEqual([88_200_000, 88_200_000, 88_200_000, 2 ** 30, 1500, 2_000_000, 500_000_000, 12]);
    for (const bad of ['', 'MB', '-1', '0', '1 parsec', '1e3', '0x10', '9999999999TB', '1.2.3', 'NaN', '1 MB extra']) {
      expect(() => read(bad), bad).toThrow(expect.objectContaining({ code: 'TARA_OPTION_INVALID' }));
    }
  });

  it('reads counts and numbers within their range', () => {
    expect([parseCount('--threads', '8', 1, 512), parseNumber('--temperature', '0.7', 0, 5), parseNumber('--x', '-1e-3', -1, 1)]).toEqual([8, 0.7, -0.001]);
    for (const bad of ['0', '513', '1.5', 'x', '']) expect(() => parseCount('--threads', bad, 1, 512), bad).toThrow(/--threads/);
    for (const bad of ['6', 'NaN', 'Infinity', '']) expect(() => parseNumber('--temperature', bad, 0, 5), bad).toThrow(/--temperature/);
  });

  it('writes them for people', () => {
    expect([0, 999, 1500, 88_200_000, 1.5e9, 2e12, 5e15].map(formatBytes)).toEqual(['0 B', '999 B', '1.5 kB', '88.2 MB', '1.5 GB', '2.0 TB', '5000.0 TB']);
    expect([0.123, 12.34, 119.96, 185].map(formatSeconds)).toEqual(['0.12 s', '12.3 s', '120.0 s', '3 min 5 s']);
  });

  it('makes control characters visible and leaves letters of all languages', () => {
    expect(printable('a\u001b[31m\u202eb\nä日')).toBe('a\\u001b[31m\\u202eb\nä日');
  });
});

describe('tables', () => {
  it('align columns, wide letters included, without trailing blanks', () => {
    const rows = [{ name: 'a', n: 5 }, { name: '日本', n: 12345 }, { name: 'two\nlines', n: 0 }];
    expect(table([{ title: 'N', value: (row) => String(row.n), align: 'right' }, { title: 'NAME', value: (row) => row.name }, { title: 'X', value: (row) => (row.n ? 'x' : '') }], rows))
      .toBe('    N  NAME       X\n    5  a          x\n12345  日本       x\n    0  two lines');
    expect(table([{ title: 'A', value: String }], [])).toBe('A');
    expect(facts([['long name', '1'], ['x', 'y']])).toBe('long name  1\nx          y');
  });
});

describe('progress', () => {
  it('is silent when it is not enabled', () => {
    const written: string[] = [];
    const sink = createProgress({ write: (text) => written.push(text) }, false).sink('work');
    sink.report(0.5);
    sink.done();
    expect(written).toEqual([]);
  });

  it('draws a line for each running work in place, at a bounded rate, and clears it', () => {
    const written: string[] = [];
    let now = 0;
    const progress = createProgress({ write: (text) => written.push(text), columns: 60 }, true, () => now);
    const first = progress.sink('merge');
    const second = progress.sink('hash');
    now = 1000;
    first.report(0.5, '12 MB\u001b[2J');
    expect(written.at(-1)).toBe('\u001b[2A\u001b[0Jmerge [============            ]  50 % 12 MB\\u001b[2J\nhash …\n');
    const before = written.length;
    for (let n = 0; n < 100; n++) second.report(n / 100);
    expect(written.length).toBe(before);
    now = 2000;
    second.report(2);
    expect(written.at(-1)).toContain('] 100 %');
    second.done();
    second.report(0.1);
    first.done();
    expect(written.at(-1)).toBe('\u001b[1A\u001b[0J');
    progress.clear();
    expect(written.at(-1)).toBe('\u001b[1A\u001b[0J');
  });
});
