/** The lanes' bytes are ggml's own, for every type, instruction set that runs here, row length and kind of data. */
import { describe, expect, it } from 'vitest';
import { ggmlType } from '../../src/formats/index.js';
import { encode, IMPORTANCE, isas, KERNEL_TYPES, KINDS, values } from './data.js';

/** Where two encodings differ first, or null. */
function difference(a: Uint8Array, b: Uint8Array, typeSize: number): string | null {
  if (a.length !== b.length) return `${a.length} bytes against ${b.length}`;
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 ? null : `block ${Math.floor(at / typeSize)}, byte ${at % typeSize}: ${a[at]} against ${b[at]}`;
}

const available = isas();
console.log(`instruction sets compared with ggml's scalar code here: ${available.join(', ')}`);

describe.each(KERNEL_TYPES)('%s', (type) => {
  const { blockSize, typeSize } = ggmlType(type);
  // One group of lanes and a tail; rows of one block and of several.
  const shapes = blockSize === 256 ? [{ rows: 21, cols: 256 }, { rows: 7, cols: 1280 }] : [{ rows: 71, cols: 32 }, { rows: 13, cols: 576 }];

  it.each(Object.keys(KINDS))('%s', async (kind) => {
    for (const [index, { rows, cols }] of shapes.entries()) {
      const data = values(KINDS[kind] ?? (() => () => 0), rows * cols, 1000 * index + kind.length);
      const expected = await encode('ggml', type, data, cols);
      for (const isa of available) {
        expect(difference((await encode(isa, type, data, cols)).bytes, expected.bytes, typeSize), `${isa}, ${rows} x ${cols}`).toBeNull();
      }
    }
  });

  it.each(Object.keys(KINDS))('%s, with importance', async (kind) => {
    for (const [index, { rows, cols }] of shapes.entries()) {
      const data = values(KINDS[kind] ?? (() => () => 0), rows * cols, 1000 * index + kind.length);
      for (const [name, importance] of Object.entries(IMPORTANCE)) {
        const weights = values(importance, cols, name.length + index);
        const expected = await encode('ggml', type, data, cols, weights);
        for (const isa of available) {
          expect(difference((await encode(isa, type, data, cols, weights)).bytes, expected.bytes, typeSize), `${isa}, ${name}, ${rows} x ${cols}`).toBeNull();
        }
      }
    }
  });

  it('gives a row the same bytes whatever stands around it', async () => {
    const cols = blockSize * 3;
    const data = values(KINDS['weights with outliers'] ?? (() => () => 0), 50 * cols, 5);
    const weights = values(IMPORTANCE['activations'] ?? (() => () => 0), cols, 6);
    for (const isa of available) {
      const together = (await encode(isa, type, data, cols, weights)).bytes;
      for (const row of [0, 17, 49]) {
        const alone = await encode(isa, type, data.slice(row * cols, (row + 1) * cols), cols, weights);
        expect(difference(alone.bytes, together.subarray(row * alone.bytes.length, (row + 1) * alone.bytes.length), typeSize)).toBeNull();
      }
    }
  });
});
