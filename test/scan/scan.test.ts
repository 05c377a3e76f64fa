/** The addon's pass over files: hashes beside Node's own, numbers that are not finite in every type. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { scanFiles, type ScanFile, type ScanTensor } from '../../src/scan/index.js';

const folder = mkdtempSync(join(tmpdir(), 'tara-scan-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function file(content: Uint8Array, tensors: readonly ScanTensor[] = []): ScanFile {
  const path = join(folder, `file-${count++}`);
  writeFileSync(path, content);
  return { path, bytes: content.length, mtimeMs: statSync(path).mtimeMs, tensors };
}
const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');

describe('hashes', () => {
  test.each([false, true])("are Node's for every length around a block (portable: %s)", async (portable) => {
    const contents = [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000, (256 << 10) - 1, 256 << 10, (1 << 20) + 17].map((length) => randomBytes(length));
    expect((await scanFiles(contents.map((content) => file(content)), { portable })).map((found) => found.sha256)).toEqual(contents.map(sha256));
  });

  test('do not depend on where the tensors lie', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ minLength: 64, maxLength: 2000 }), fc.array(fc.nat(1999), { maxLength: 6 }), async (content, cuts) => {
      const ends = [...new Set(cuts.map((cut) => cut % content.length))].sort((a, b) => a - b);
      const tensors = ends.slice(1).map((end, index) => ({ name: `t${index}`, dtype: 'F8_E5M2', offset: ends[index] ?? 0, bytes: end - (ends[index] ?? 0) })).filter((_, index) => index % 2 === 0);
      const [found] = await scanFiles([file(content, tensors)]);
      expect(found?.sha256).toBe(sha256(content));
      expect(found?.nonFinite).toEqual(tensors.filter(({ offset, bytes }) => content.subarray(offset, offset + bytes).some((byte) => (byte & 0x7c) === 0x7c)).map(({ name }) => name));
    }), { numRuns: 60 });
  });

  test.skipIf(process.platform !== 'linux')('a name in bytes', async () => {
    const path = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x66, 0xff, 0x0a])]);
    writeFileSync(path, 'x');
    expect((await scanFiles([{ path, bytes: 1, mtimeMs: statSync(path).mtimeMs, tensors: [] }]))[0]?.sha256).toBe(sha256(Buffer.from('x')));
  });
});

/** Bytes of one element: a large finite number, NaN, infinity. */
const float = (bytes: number, write: (view: DataView, value: number) => void, value: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  write(new DataView(buffer.buffer, buffer.byteOffset), value);
  return buffer;
};
const f64 = (value: number) => float(8, (view, x) => view.setFloat64(0, x, true), value);
const f32 = (value: number) => float(4, (view, x) => view.setFloat32(0, x, true), value);
const CASES: [dtype: string, finite: Buffer, bad: Buffer[]][] = [
  ['F64', f64(-Number.MAX_VALUE), [f64(NaN), f64(-Infinity)]],
  ['F32', f32(-3.4028234e38), [f32(NaN), f32(Infinity)]],
  ['F16', Buffer.from([0xff, 0xfb]), [Buffer.from([0x00, 0x7c]), Buffer.from([0x01, 0xfe])]],
  ['BF16', f32(-3.3e38).subarray(2), [f32(NaN).subarray(2), f32(-Infinity).subarray(2)]],
  ['F8_E5M2', Buffer.from([0x7b]), [Buffer.from([0x7c]), Buffer.from([0xff])]],
  ['F8_E4M3', Buffer.from([0x7e]), [Buffer.from([0x7f]), Buffer.from([0xff])]],
  ['F8_E8M0', Buffer.from([0xfe]), [Buffer.from([0xff])]],
  ['Q8_0', Buffer.concat([Buffer.from([0xff, 0xfb]), Buffer.alloc(32, 0xff)]), [Buffer.concat([Buffer.from([0x00, 0xfc]), Buffer.alloc(32)])]],
  ['Q6_K', Buffer.concat([Buffer.alloc(208, 0xff), Buffer.from([0xff, 0x7b])]), [Buffer.concat([Buffer.alloc(208), Buffer.from([0x01, 0x7c])])]],
  ['Q4_K', Buffer.concat([Buffer.from([0xff, 0x7b, 0xff, 0x7b]), Buffer.alloc(140, 0xff)]), [Buffer.concat([Buffer.from([0, 0, 0x01, 0x7c]), Buffer.alloc(140)])]],
];

describe('numbers', () => {
  test.each(CASES)('%s', async (dtype, finite, bad) => {
    // Long enough for several pieces, and odd in number, so that every lane and the rest are looked at.
    const count = Math.ceil((600 << 10) / finite.length) + 1;
    const clean = Buffer.concat(Array.from({ length: count }, () => finite));
    const whole = (content: Buffer): ScanFile => file(Buffer.concat([Buffer.alloc(13, 0xff), content, Buffer.alloc(5, 0xff)]), [{ name: 'w', dtype, offset: 13, bytes: content.length }]);
    const places = [0, 1, count >> 1, count - 1];
    const files = [whole(clean), ...bad.flatMap((element) => places.map((place) => {
      const content = Buffer.from(clean);
      element.copy(content, place * element.length);
      return whole(content);
    }))];
    for (const hash of [true, false]) expect((await scanFiles(files, { hash })).map(({ nonFinite }) => nonFinite.length)).toEqual(files.map((_, index) => (index === 0 ? 0 : 1)));
  });

  test('whole numbers are left alone, and each bad tensor is named', async () => {
    const tensors = ['I32', 'U8', 'BOOL', 'F32', 'F32'].map((dtype, index) => ({ name: `t${index}`, dtype, offset: 4 * index, bytes: 4 }));
    expect((await scanFiles([file(Buffer.alloc(20, 0xff), tensors)]))[0]?.nonFinite).toEqual(['t3', 't4']);
  });
});

describe('failures', () => {
  test('a file that is not as it was', async () => {
    const changed = file(randomBytes(100));
    truncateSync(changed.path as string, 50);
    await expect(scanFiles([changed])).rejects.toMatchObject({ code: 'TARA_FILE_CHANGED' });
    await expect(scanFiles([{ ...changed, path: join(folder, 'nothing') }])).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
  });

  test('cancelled: ends with the code, also amid many files', async () => {
    const controller = new AbortController();
    const large = file(Buffer.alloc(64 << 20));
    const work = scanFiles(Array.from({ length: 200 }, () => large), { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(work).rejects.toMatchObject({ code: 'TARA_ABORTED' });
  });
});
