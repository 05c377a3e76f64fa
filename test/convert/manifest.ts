/** Metadata and tensors of a plan in the form of the reference manifests, so that both can be compared. */
import { createHash } from 'node:crypto';
import type { MetadataEntry, PlanWithBlobs } from '../../src/plan/schema.js';

export interface Manifest {
  readonly kv: Readonly<Record<string, { readonly type: readonly string[]; readonly value: unknown }>>;
  readonly tensors: readonly { readonly name: string; readonly ne: readonly number[]; readonly type: string; readonly bytes: number; readonly sha256: string }[];
}

const LONG = 64;

/** A float as Python prints it. */
function pythonFloat(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return `${Object.is(value, -0) ? '-0' : value}.0`;
  const [mantissa = '', exponent] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power < -4 || power >= 16) return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  return String(value);
}

function itemsOf(value: Exclude<MetadataEntry['value'], string | number | boolean>, blobs: PlanWithBlobs['blobs']): { items: unknown[]; json: string } {
  const list = (items: unknown[], print: (item: never) => string) => ({ items, json: `[${items.map((item) => print(item as never)).join(',')}]` });
  if ('items' in value) return list([...value.items], JSON.stringify);
  const bytes = Buffer.from(blobs.get(value.blob) ?? new Uint8Array());
  if (value.of === 'int32') return list(Array.from({ length: value.length }, (_, i) => bytes.readInt32LE(4 * i)), String);
  if (value.of === 'float32') return list(Array.from({ length: value.length }, (_, i) => bytes.readFloatLE(4 * i)), pythonFloat);
  const strings: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    strings.push(bytes.toString('utf8', at + 8, at + 8 + length));
    at += 8 + length;
  }
  return list(strings, JSON.stringify);
}

/** The metadata of output `out`, in order. */
export function manifestKv({ plan, blobs }: PlanWithBlobs, out: string): Record<string, { type: string[]; value: unknown }> {
  const output = plan.outputs[out];
  const set = output?.set ?? [];
  const entries = [...plan.metadata.filter(({ key }) => !set.some((entry) => entry.key === key) && !output?.remove.includes(key)), ...set];
  return Object.fromEntries(
    entries.map(({ key, type, value }): [string, { type: string[]; value: unknown }] => {
      if (typeof value !== 'object') return [key, { type: [type.toUpperCase()], value: type === 'float32' ? Math.fround(value as number) : value }];
      const { items, json } = itemsOf(value, blobs);
      const long = { len: items.length, sha256_json: createHash('sha256').update(json).digest('hex'), head: items.slice(0, 4) };
      return [key, { type: ['ARRAY', value.of.toUpperCase()], value: items.length > LONG ? long : items }];
    }),
  );
}
