import { describe, expect, test } from 'vitest';
import { parseBytes } from '../../plugins/cleanup/sizes.js';
import { isGarbageFile, isGarbageFolder } from '../../plugins/cleanup/garbage.js';
import { setFields } from '../../plugins/cleanup/json-text.js';
import { startsAsPickle } from '../../plugins/cleanup/pickle.js';

describe('names', () => {
  test.each(['a.tmp', 'B.TEMP', 'x.Bak', 'a.log', '.log', 'x.lock', 'x.swp', 'x.pyc', 'notes~', '#a#', '._x', '.DS_Store', 'THUMBS.DB', 'desktop.ini'])('%s is garbage', (name) => expect(isGarbageFile(name)).toBe(true));
  test.each(['tmp', 'logs.md', 'catalog.json', 'template', 'a.tmp.md', '#a', 'x.locks', 'cache'])('%s stays', (name) => expect(isGarbageFile(name)).toBe(false));
  test('folders must match whole', () => {
    expect(['checkpoint-12', 'runs', '.git', 'logs'].every(isGarbageFolder)).toBe(true);
    expect(['checkpoint-notes', 'checkpoint-', 'checkpoint-1a', 'run', 'my-logs', 'logs.md'].some(isGarbageFolder)).toBe(false);
  });
});

describe('setFields', () => {
  test('leaves every other value to the byte', () => {
    const text = '{\n  "eps": 1e-06,\n  "max": 1000000000000000019884624838656,\n  "pad": null, "a": [1, {"pad": 2}, "}"]\n}\n';
    expect(setFields(text, { pad: 2, added: 'x' })).toBe('{\n  "eps": 1e-06,\n  "max": 1000000000000000019884624838656,\n  "pad": 2, "a": [1, {"pad": 2}, "}"],\n  "added": "x"\n}\n');
  });
  test('one line, and an empty object', () => {
    expect(setFields('{"a": "\\"}"}', { b: true })).toBe('{"a": "\\"}", "b": true}');
    expect(JSON.parse(setFields('{ }', { b: [1] }))).toEqual({ b: [1] });
  });
});

describe('pickles', () => {
  test.each([['\x80\x02}q', true], ['\x80\x04\x95', true], ['PK\x03\x04data.pkl', true], ['cbuiltins\nopen\n(', true], ['cos\nsystem\n', true], ['(dp0\n', true], ['}q\x00(X', true], ['', false], ['GGUF\x03', false], ['hello world', false], ['{"a": 1}', false], ['(a note)', false], ['\x00\x00\x00', false]])('%j: %s', (text, wanted) => {
    expect(startsAsPickle(Buffer.from(text, 'latin1'))).toBe(wanted);
  });
});

test('sizes', () => {
  expect(['80000', '2GB', '1.5 GiB', '10k'].map((text) => parseBytes('--x', text))).toEqual([80000, 2e9, 1.5 * 1024 ** 3, 10_000]);
  for (const text of ['', 'many', '-1', '2XB']) expect(() => parseBytes('--x', text)).toThrow(/no size/);
});
