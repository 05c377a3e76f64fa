import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../../src/formats/index.js';
import { codeOf, floats, messageOf, safetensors, scratch } from './helpers.js';

const files = scratch();
const VALID = fileURLToPath(new URL('../fixtures/malformed/valid-five.safetensors', import.meta.url));

const reasonOf = async (header: unknown, dataBytes: number): Promise<string> =>
  messageOf(async () => readSafetensors(await files.write('case.safetensors', safetensors(header, dataBytes))));

const t = (start: number, end: number, shape: number[] = [(end - start) / 4], dtype = 'F32') => ({ dtype, shape, data_offsets: [start, end] });

describe('readSafetensors', () => {
  it('reads five dtypes and gives absolute spans', async () => {
    const bytes = await readFile(VALID);
    const file = await readSafetensors(VALID);
    const dataOffset = 8 + bytes.readUInt32LE(0);
    expect(file.size).toBe(bytes.length);
    expect(file.headerHash).toBe(createHash('sha256').update(bytes.subarray(0, dataOffset)).digest('hex'));
    expect(new Set(file.tensors.map(({ dtype }) => dtype)).size).toBe(5);
    expect(file.tensors[0]?.offset).toBe(dataOffset);
    const last = file.tensors.at(-1);
    expect((last?.offset ?? 0) + (last?.bytes ?? 0)).toBe(bytes.length);
  });

  it('takes scalars, empty tensors, metadata and padding behind the header', async () => {
    const header = `${JSON.stringify({ __metadata__: { format: 'pt' }, a: t(0, 4, []), none: t(4, 4, [0, 3]), b: t(4, 12) })}   `;
    const file = await readSafetensors(await files.write('odd.safetensors', safetensors(header, 12)));
    expect(file.metadata).toEqual({ format: 'pt' });
    expect(file.tensors.map(({ name, shape, bytes }) => [name, shape, bytes])).toEqual([['a', [], 4], ['none', [0, 3], 0], ['b', [2], 8]]);
  });

  const refused: [string, unknown, number, string][] = [
    ['a hole', { a: t(0, 4), b: t(8, 12) }, 12, 'hole of 4 bytes'],
    ['bytes behind the last tensor', { a: t(0, 4) }, 8, '4 bytes behind'],
    ['an overlap', { a: t(0, 8), b: t(4, 12) }, 12, 'shares bytes'],
    ['the same name twice', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', 8, '"a\\" occurs twice'.replace('\\', '')],
    ['the same name twice, once escaped', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', 8, 'occurs twice'],
    ['a field twice', '{"a":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}', 4, '"dtype" occurs twice'],
    ['an unknown field', { a: { ...t(0, 4), extra: 1 } }, 4, 'unknown field extra'],
    ['a dtype that is a method', { a: t(0, 4, [1], 'toString') }, 4, 'dtype "toString"'],
    ['a negative dimension', { a: t(0, 4, [-1]) }, 4, 'no proper shape'],
    ['a fractional dimension', { a: t(0, 4, [1.5]) }, 4, 'no proper shape'],
    ['a product that overflows', { a: t(0, 4, [2 ** 40, 2 ** 40]) }, 4, 'more bytes than can be counted'],
    ['offsets backwards', { a: { dtype: 'F32', shape: [0], data_offsets: [4, 0] } }, 4, 'its span has -4'],
    ['metadata that is no text', { __metadata__: { n: 1 }, a: t(0, 4) }, 4, '__metadata__.n is no string'],
    ['an array as header', '[]', 0, 'no JSON object'],
    ['a header behind a blank', ` ${JSON.stringify({ a: t(0, 4) })}`, 4, 'no JSON object'],
    ['a name with half a character', '{"\\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4, 'no tensor name'],
    ['deep nesting', `{"a":${'['.repeat(100_000)}`, 0, 'nested deeper'],
    ['an open string', '{"a', 0, 'no JSON'],
  ];
  it.each(refused)('refuses %s', async (_, header, dataBytes, reason) => {
    expect(await reasonOf(header, dataBytes)).toContain(reason);
  });

  it('refuses a header above its limit before reading it', async () => {
    const bytes = safetensors(`{}${' '.repeat(17 << 20)}`, 0);
    expect(await messageOf(async () => readSafetensors(await files.write('huge.safetensors', bytes)))).toContain('longer than 16777216 bytes');
  });

  it('only ever refuses a damaged file', async () => {
    const whole = floats({ 'a.weight': [4, 8], 'b.weight': [3], 'c.weight': [2, 2, 2] });
    const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    await fc.assert(fc.asyncProperty(flips, fc.option(fc.nat(whole.length)), async (changes, cut) => {
      const bytes = Buffer.from(whole);
      for (const [at, value] of changes) bytes[at] = value;
      const path = await files.write('flip.safetensors', cut === null ? bytes : bytes.subarray(0, cut));
      expect(['none', 'TARA_SAFETENSORS_INVALID']).toContain(await codeOf(() => readSafetensors(path)));
    }), { numRuns: 400 });
  });
});
