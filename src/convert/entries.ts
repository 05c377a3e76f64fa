/** Metadata entries of a plan: scalars inline, long arrays as blobs named by the SHA-256 of their GGUF payload. */
import { createHash } from 'node:crypto';
import type { Blobs, MetadataEntry } from '../plan/schema.js';

export const u32 = (key: string, value: number): MetadataEntry => ({ key, type: 'uint32', value });
export const i32 = (key: string, value: number): MetadataEntry => ({ key, type: 'int32', value });
export const f32 = (key: string, value: number): MetadataEntry => ({ key, type: 'float32', value });
export const text = (key: string, value: string): MetadataEntry => ({ key, type: 'string', value });
export const texts = (key: string, items: readonly string[]): MetadataEntry => ({ key, type: 'array', value: { of: 'string', items: [...items] } });
export const flag = (key: string, value: boolean): MetadataEntry => ({ key, type: 'bool', value });

/** Keeps `bytes` in `blobs` and returns the name under which a plan refers to them. */
export function addBlob(blobs: Blobs, bytes: Uint8Array): string {
  const name = createHash('sha256').update(bytes).digest('hex');
  blobs.set(name, bytes);
  return name;
}

/** The GGUF payload of a string array: each item as a 64-bit length and its UTF-8 bytes. */
function stringsPayload(items: readonly string[]): Uint8Array {
  let size = 8 * items.length;
  for (const item of items) size += Buffer.byteLength(item);
  const payload = Buffer.alloc(size);
  let at = 0;
  for (const item of items) {
    const written = payload.write(item, at + 8);
    payload.writeUInt32LE(written, at);
    at += 8 + written;
  }
  return payload;
}

const littleEndian = (count: number, write: (view: DataView, index: number) => void): Uint8Array => {
  const payload = new Uint8Array(4 * count);
  const view = new DataView(payload.buffer);
  for (let index = 0; index < count; index++) write(view, index);
  return payload;
};

const array = (blobs: Blobs, key: string, of: string, length: number, payload: Uint8Array): MetadataEntry => ({
  key,
  type: 'array',
  value: { of, length, blob: addBlob(blobs, payload) },
});

export const stringArray = (blobs: Blobs, key: string, items: readonly string[]): MetadataEntry =>
  array(blobs, key, 'string', items.length, stringsPayload(items));

export const i32Array = (blobs: Blobs, key: string, items: readonly number[]): MetadataEntry =>
  array(blobs, key, 'int32', items.length, littleEndian(items.length, (view, i) => view.setInt32(4 * i, items[i] ?? 0, true)));

export const f32Array = (blobs: Blobs, key: string, items: readonly number[]): MetadataEntry =>
  array(blobs, key, 'float32', items.length, littleEndian(items.length, (view, i) => view.setFloat32(4 * i, items[i] ?? 0, true)));

/** `entries` with the later entry of a repeated key at the place of the first, as a key-value store overwrites. */
export function overwriting(entries: readonly MetadataEntry[]): MetadataEntry[] {
  const byKey = new Map<string, MetadataEntry>();
  for (const entry of entries) byKey.set(entry.key, entry);
  return [...byKey.values()];
}
