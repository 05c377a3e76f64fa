/** Where a GGUF file came from, as far as its metadata says: our own `tara.*` keys, and what others write below general.*. */
import { type GgufFile, metadataOf } from './gguf/file.js';
import { isGgufArray } from './gguf/array.js';

/** A file that went into it, by the SHA-256 of its bytes. */
export interface ProvenanceSource {
  readonly name: string | null;
  readonly sha256: string | null;
  /** Of an adapter: how much of it was merged. */
  readonly weight?: number | null;
}

export interface Provenance {
  /** The version of tara-gguf that wrote it. */
  readonly tool: string | null;
  readonly phase: number | null;
  /** merged, adapters or per-domain: what kind of a phase's files this is. */
  readonly layout: string | null;
  /** How adapters or models were merged: settings as JSON. */
  readonly merge: string | null;
  readonly base: readonly ProvenanceSource[];
  readonly adapters: readonly ProvenanceSource[];
  /** general.source.*, general.base_model.* and the like, as text. */
  readonly others: Readonly<Record<string, string>>;
}

const OTHERS = /^general\.(source|base_model|dataset|quantized_by|author|organization|repo_url|url|doi|uuid)\b/;
const HASH = /^sha256:([0-9a-f]{64})$/;
/** Files are told one by one; nobody merges more. */
const MOST = 1024;

function list(file: GgufFile, key: string): unknown[] {
  const value = metadataOf(file).get(key);
  return isGgufArray(value) && value.length <= MOST ? value.items() : [];
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);
const hash = (value: unknown): string | null => HASH.exec(text(value) ?? '')?.[1] ?? null;

/** What the keys say, or null where there are none. `tara.sources` lists the base's files, then one for each adapter. */
export function provenance(file: GgufFile): Provenance | null {
  if (!file.metadata.some(({ key }) => key.startsWith('tara.') || OTHERS.test(key))) return null;
  const metadata = metadataOf(file);
  const others = Object.fromEntries(file.metadata.flatMap(({ key, value }) => (OTHERS.test(key) && typeof value !== 'object' ? [[key, String(value)]] : [])));
  const [names, weights, sources] = ['tara.domains', 'tara.weights', 'tara.sources'].map((key) => list(file, key)) as [unknown[], unknown[], unknown[]];
  const bases = Math.max(0, sources.length - names.length);
  const base = metadata.string('tara.base') ?? null;
  return {
    tool: metadata.string('tara.version') ?? null,
    phase: metadata.number('tara.phase') ?? null,
    layout: metadata.string('tara.layout') ?? null,
    merge: metadata.string('tara.merge') ?? null,
    base: bases === 0 && base !== null ? [{ name: base, sha256: null }] : sources.slice(0, bases).map((source) => ({ name: base, sha256: hash(source) })),
    adapters: names.map((name, index) => ({ name: text(name), sha256: hash(sources[bases + index]), weight: number(weights[index]) })),
    others,
  };
}
