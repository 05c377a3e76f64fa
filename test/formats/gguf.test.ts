import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkModel, encodeHeader, type GgufEntry, headerEntry, type HeaderEntry, isGgufArray, metadataOf, readGguf, stringBytes } from '../../src/formats/index.js';
import { codeOf, gguf, messageOf, scratch, TINY_SHAPES, tinyMetadata } from './helpers.js';

const files = scratch();

const scalar = fc.oneof(
  fc.record({ type: fc.constant('uint8' as const), value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ type: fc.constant('int8' as const), value: fc.integer({ min: -128, max: 127 }) }),
  fc.record({ type: fc.constant('uint16' as const), value: fc.integer({ min: 0, max: 65535 }) }),
  fc.record({ type: fc.constant('int32' as const), value: fc.integer() }),
  fc.record({ type: fc.constant('uint32' as const), value: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }),
  fc.record({ type: fc.constant('float32' as const), value: fc.oneof(fc.float(), fc.constant(-0)) }),
  fc.record({ type: fc.constant('float64' as const), value: fc.oneof(fc.double(), fc.constantFrom(-0, Infinity, -Infinity, NaN)) }),
  fc.record({ type: fc.constant('bool' as const), value: fc.boolean() }),
  fc.record({ type: fc.constant('string' as const), value: fc.string({ unit: 'grapheme' }) }),
  fc.record({ type: fc.constant('uint64' as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String) }),
  fc.record({ type: fc.constant('int64' as const), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String) }),
);
const array = fc.oneof(
  fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 300 }).map((items) => ({ type: 'array' as const, value: { of: 'string', items } })),
  fc.array(fc.integer(), { maxLength: 400 }).map((items) => ({ type: 'array' as const, value: { of: 'int32', items } })),
  fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)).map((items) => ({ type: 'array' as const, value: { of: 'int64', items } })),
  fc.array(fc.boolean()).map((items) => ({ type: 'array' as const, value: { of: 'bool', items } })),
);
const entries: fc.Arbitrary<HeaderEntry[]> = fc.uniqueArray(fc.record({ key: fc.stringMatching(/^[a-z_.]{1,20}$/), body: fc.oneof(scalar, array) }), { selector: ({ key }) => key, maxLength: 12 })
  .map((list) => list.filter(({ key }) => key !== 'general.alignment').map(({ key, body }) => ({ key, ...body })));

/** A read entry in the form that it was written from. */
function written(entry: GgufEntry): HeaderEntry {
  const { key, type, value } = entry;
  const plain = (item: number | string | boolean | bigint) => (typeof item === 'bigint' ? String(item) : item);
  return { key, type, value: isGgufArray(value) ? { of: value.of, items: value.items().map(plain) } : plain(value) };
}

describe('encodeHeader and readGguf', () => {
  it('give back any metadata and tensors', async () => {
    await fc.assert(fc.asyncProperty(entries, fc.constantFrom(8, 32, 64, 4096), async (metadata, alignment) => {
      const all: HeaderEntry[] = [{ key: 'general.alignment', type: 'uint32', value: alignment }, ...metadata];
      const file = await readGguf(await files.write('round.gguf', gguf(all, TINY_SHAPES, { alignment })));
      expect(file.metadata.map(written)).toEqual(all);
      expect(file.alignment).toBe(alignment);
      expect(file.tensors.map(({ name, type, ne }) => [name, type, ...ne])).toEqual(TINY_SHAPES);
      expect(file.tensors.every(({ offset }) => offset % alignment === 0 && offset >= file.dataOffset)).toBe(true);
    }), { numRuns: 60 });
  });

  it('pass any entry through a plan, blobs included', async () => {
    await fc.assert(fc.asyncProperty(entries, async (metadata) => {
      const bytes = gguf(metadata, []);
      const file = await readGguf(await files.write('plan.gguf', bytes));
      const blobs = new Map<string, Uint8Array>();
      const again = JSON.parse(JSON.stringify(file.metadata.map((entry) => headerEntry(entry, blobs)))) as HeaderEntry[];
      expect(Buffer.from(encodeHeader({ metadata: again, tensors: [], alignment: 32 }, blobs))).toEqual(bytes);
    }), { numRuns: 60 });
  });

  it('writes the bytes of the specification', () => {
    const header = encodeHeader({ metadata: [{ key: 'a', type: 'int16', value: -2 }], tensors: [{ name: 't', ne: [32, 2], type: 'q8_0', offset: 64 }], alignment: 32 });
    const expected = '47475546' + '03000000' + '0100000000000000' + '0100000000000000'
      + '0100000000000000' + '61' + '03000000' + 'feff'
      + '0100000000000000' + '74' + '02000000' + '2000000000000000' + '0200000000000000' + '08000000' + '4000000000000000';
    expect(Buffer.from(header).toString('hex')).toBe(expected.padEnd(96 * 2, '0'));
  });

  it('refuses values that their type cannot hold', async () => {
    const bad: HeaderEntry[] = [
      { key: 'k', type: 'uint8', value: 256 }, { key: 'k', type: 'int32', value: 0.5 }, { key: 'k', type: 'uint64', value: '-1' },
      { key: 'k', type: 'uint64', value: '18446744073709551616' }, { key: 'k', type: 'string', value: 1 }, { key: 'k', type: 'bool', value: 1 },
      { key: 'k', type: 'array', value: { of: 'array', items: [] } }, { key: 'k', type: 'array', value: { of: 'int8', length: 1, blob: 'absent' } },
    ];
    for (const entry of bad) expect(await codeOf(() => encodeHeader({ metadata: [entry], tensors: [], alignment: 32 }))).toBe('TARA_PLAN_INVALID');
    const blobs = new Map([['b', new Uint8Array(7)]]);
    const short: HeaderEntry = { key: 'k', type: 'array', value: { of: 'int32', length: 2, blob: 'b' } };
    expect(await codeOf(() => encodeHeader({ metadata: [short], tensors: [], alignment: 32 }, blobs))).toBe('TARA_PLAN_INVALID');
  });
});

describe('readGguf', () => {
  it('hashes the header, so that another vocabulary is another file and other weights are not', async () => {
    const bytes = gguf([...tinyMetadata().values()], TINY_SHAPES);
    const first = await readGguf(await files.write('hash-a.gguf', bytes));
    const end = encodeHeader({ metadata: [...tinyMetadata().values()], tensors: [], alignment: 1 }).length
      + TINY_SHAPES.reduce((sum, [name, , ...ne]) => sum + 8 + name.length + 4 + ne.length * 8 + 4 + 8, 0);
    expect(first.headerHash).toBe(createHash('sha256').update(bytes.subarray(0, end)).digest('hex'));
    bytes[bytes.length - 1] = 0xee;
    expect((await readGguf(await files.write('hash-b.gguf', bytes))).headerHash).toBe(first.headerHash);
  });

  it('reads version 2', async () => {
    const bytes = gguf([{ key: 'a', type: 'uint32', value: 7 }], []);
    bytes.writeUInt32LE(2, 4);
    const file = await readGguf(await files.write('v2.gguf', bytes));
    expect([file.version, metadataOf(file).number('a')]).toEqual([2, 7]);
  });

  it('keeps the bytes of tokens that are no UTF-8', async () => {
    const blob = Buffer.from('0200000000000000fffe' + '0100000000000000' + '61', 'hex');
    const metadata: HeaderEntry[] = [{ key: 'tokenizer.ggml.tokens', type: 'array', value: { of: 'string', length: 2, blob: 'x' } }];
    const value = metadataOf(await readGguf(await files.write('bytes.gguf', gguf(metadata, [], { blobs: new Map([['x', blob]]) })))).get('tokenizer.ggml.tokens');
    if (!isGgufArray(value)) throw new Error('no array');
    expect([...stringBytes(value.bytes)].map((token) => token.toString('hex'))).toEqual(['fffe', '61']);
    expect(value.items()).toEqual(['\ufffd\ufffd', 'a']);
  });

  it('names what is wrong on one line', async () => {
    const key = 'evil\n\u001b[31m';
    const path = await files.write('evil.gguf', gguf([{ key, type: 'uint8', value: 1 }], []).subarray(0, 40));
    expect(await messageOf(() => readGguf(path))).toMatch(/^\P{Cc}+$/u);
  });

  it('tells missing files and folders apart', async () => {
    await mkdir(files.path('folder.gguf'));
    expect(await codeOf(() => readGguf(files.path('absent.gguf')))).toBe('TARA_FILE_NOT_FOUND');
    expect(await codeOf(() => readGguf(files.path('folder.gguf')))).toBe('TARA_FILE_UNREADABLE');
  });

  it('stops when it is aborted', async () => {
    const path = await files.write('abort.gguf', gguf([], []));
    expect(await codeOf(() => readGguf(path, { signal: AbortSignal.abort() }))).toBe('TARA_ABORTED');
  });

  it('refuses nested arrays, zero dimensions, wrong blocks and long names', async () => {
    const nested = gguf([{ key: 'a', type: 'array', value: { of: 'uint32', items: [1, 2] } }], []);
    nested.writeUInt32LE(9, nested.indexOf('a') + 5);
    expect(await messageOf(async () => readGguf(await files.write('nested.gguf', nested)))).toContain('holds arrays');
    const header = (ne: number[], type: 'f32' | 'q8_0', name = 'x') => Buffer.from(encodeHeader({ metadata: [], tensors: [{ name, ne, type, offset: 0 }], alignment: 32 }));
    const cases: [Buffer, string][] = [
      [header([0, 4], 'f32'), 'dimension of 0'], [header([33], 'q8_0'), "q8_0's block"], [header([], 'f32'), '0 dimensions'],
      [header([1, 1, 1, 1, 1], 'f32'), '5 dimensions'], [header([1], 'f32', 'n'.repeat(64)), '64 bytes'],
    ];
    for (const [bytes, reason] of cases) expect(await messageOf(async () => readGguf(await files.write('tensor.gguf', bytes)))).toContain(reason);
  });

  it('only ever refuses a damaged file, whatever bytes are flipped or cut off', async () => {
    const whole = gguf([...tinyMetadata().values()], TINY_SHAPES);
    const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    await fc.assert(fc.asyncProperty(flips, fc.option(fc.nat(whole.length)), async (changes, cut) => {
      const bytes = Buffer.from(whole);
      for (const [at, value] of changes) bytes[at] = value;
      const path = await files.write('flip.gguf', cut === null ? bytes : bytes.subarray(0, cut));
      expect(['none', 'TARA_GGUF_INVALID']).toContain(await codeOf(async () => checkModel(await readGguf(path))));
    }), { numRuns: 400 });
  });

  it('refuses every truncation', async () => {
    const whole = gguf([...tinyMetadata().values()], TINY_SHAPES);
    const { tensors } = await readGguf(await files.write('whole.gguf', whole));
    const needed = Math.max(...tensors.map(({ offset, bytes }) => offset + bytes));
    for (let cut = 0; cut < needed; cut += 97) {
      expect(await codeOf(async () => readGguf(await files.write('cut.gguf', whole.subarray(0, cut))))).toBe('TARA_GGUF_INVALID');
    }
  });

  it('reads 300 000 tokens without holding the event loop, and finds the one that repeats', async () => {
    const items = Array.from({ length: 300_000 }, (_, index) => `token-${index}`);
    const tokens = (list: string[]): HeaderEntry[] => [{ key: 'tokenizer.ggml.tokens', type: 'array', value: { of: 'string', items: list } }];
    const [good, bad] = [await files.write('many.gguf', gguf(tokens(items), [])), await files.write('twice.gguf', gguf(tokens([...items, 'token-7']), []))];
    await readGguf(good);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const value = metadataOf(await readGguf(good)).get('tokenizer.ggml.tokens');
    delay.disable();
    // The median pause is short; single ones belong to the machine's other work.
    expect(delay.percentile(50) / 1e6).toBeLessThan(10);
    expect(value).toMatchObject({ length: 300_000, longest: 12 });
    expect(value).not.toHaveProperty('repeat');
    expect(metadataOf(await readGguf(bad)).get('tokenizer.ggml.tokens')).toMatchObject({ repeat: 300_000 });
  });

  it('knows that llama.cpp names empty tokens', async () => {
    const tokens = (items: string[]): HeaderEntry[] => [{ key: 'tokenizer.ggml.tokens', type: 'array', value: { of: 'string', items } }];
    const repeatOf = async (items: string[]) => metadataOf(await readGguf(await files.write('empty.gguf', gguf(tokens(items), [])))).get('tokenizer.ggml.tokens');
    expect(await repeatOf(['a', '', '', '[EMPTY_7]'])).not.toHaveProperty('repeat');
    expect(await repeatOf(['[EMPTY_2]', 'a', ''])).toMatchObject({ repeat: 2 });
  });
});
