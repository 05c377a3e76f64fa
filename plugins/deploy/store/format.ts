/**
 * The files of a deployment target, and their checks when they are read again:
 *
 *   current.json      which releases are served; its replacement by rename is the switch
 *   current, previous links to releases/ID, for readers that follow links; current.json is the truth
 *   pending.json      a switch under way that also changes files of a layout
 *   journal.jsonl     what happened, one line each
 *   blobs/sha256-…    every file's bytes, once
 *   readers/          who uses the current releases now
 *   releases/ID/      manifest.json, signature.json, config.json, routing.json, emotion.json, checklist.json, models/[DOMAIN/], adapters/DOMAIN/, config/
 */
import { TARGET_LAYOUTS, type DeployedFile, type DeployFile } from 'tara-gguf/plugin';
import { z } from 'zod';

/** PHASE-NUMBER-RANDOM: the number counts all releases of the target. */
export const RELEASE_ID = /^(\d{1,4})-(\d{1,9})-([0-9a-f]{8})$/;
/** A release or blob that is being written. */
export const PARTIAL = '.partial';

const releaseId = z.string().regex(RELEASE_ID);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** Whether a relative path stays in its folder, by name alone. */
export const isInnerPath = (path: string): boolean =>
  path.length <= 4096 && path !== '' && !/[\0\\]/.test(path) && !/^[A-Za-z]:/.test(path) && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');

const innerPath = z.string().refine(isInnerPath, 'leads out of its folder');

/** A file of the target that a layout writes, by the hashes of its bytes; null where there is no file. */
const surfaceSchema = z.object({
  path: innerPath,
  /** Without anything of ours. */
  base: sha256.nullable(),
  /** As the switch found it. */
  before: sha256.nullable().default(null),
  written: sha256,
  /** A second name of its blob; text is written anew instead, since people edit it. */
  linked: z.boolean().default(false),
});
export type SurfaceFile = z.infer<typeof surfaceSchema>;

const servedSchema = z.object({
  release: releaseId,
  /** SHA-256 of the release's manifest.json. */
  manifest: sha256,
});

export const currentSchema = z.object({
  format: z.literal(1),
  /** The release that was switched to last. */
  release: releaseId,
  previous: releaseId.nullable(),
  phase: z.number().int(),
  manifest: sha256,
  switchedAt: z.string(),
  layout: z.enum(TARGET_LAYOUTS).default('plain'),
  /** The release of each phase. */
  phases: z.record(z.string().regex(/^\d{1,4}$/), servedSchema).optional(),
  surface: z.array(surfaceSchema).max(10_000).default([]),
  /** The current.json before this one, a blob. */
  replaced: sha256.nullable().default(null),
}).transform((current) => ({ ...current, phases: current.phases ?? { [String(current.phase)]: { release: current.release, manifest: current.manifest } } }));
export type Current = z.infer<typeof currentSchema>;

/** One file of a switch. Both states are blobs. */
const changeSchema = z.object({ path: innerPath, before: sha256.nullable(), after: sha256.nullable(), linked: z.boolean().default(false) });
export type Change = z.infer<typeof changeSchema>;

export const pendingSchema = z.object({
  format: z.literal(1),
  /** SHA-256 of the current.json that ends the switch; null where it is removed. */
  next: sha256.nullable(),
  changes: z.array(changeSchema).max(10_000),
});
export type Pending = z.infer<typeof pendingSchema>;

const tensorHashes = z.object({
  /** Of the bytes before the tensors: metadata and tensor table. */
  header: sha256,
  tensors: z.record(z.string(), sha256),
});
export type TensorHashes = z.infer<typeof tensorHashes>;

export const manifestSchema = z.object({
  format: z.literal(1),
  id: releaseId,
  phase: z.number().int(),
  createdAt: z.string(),
  labels: z.record(z.string(), z.string()).default({}),
  files: z.array(z.object({ path: innerPath, bytes: z.number().int().nonnegative(), sha256, gguf: tensorHashes.optional() })).max(100_000),
  metadata: z.record(z.string(), z.unknown()),
});
export type Manifest = z.infer<typeof manifestSchema>;

const FOLDERS: Readonly<Record<DeployFile['role'], string>> = { model: 'models', adapter: 'adapters', config: 'config' };

/** Where files of a role and domain lie in a release. */
export const folderOf = ({ role, domain }: Pick<DeployFile, 'role' | 'domain'>): string => (domain === undefined ? FOLDERS[role] : `${FOLDERS[role]}/${domain}`);

/** The same read back: a file's place says what it is for. */
export function placeOf(path: string): Pick<DeployedFile, 'role' | 'domain'> {
  const [folder, ...rest] = path.split('/');
  const role = folder === FOLDERS.model ? 'model' : folder === FOLDERS.adapter ? 'adapter' : 'config';
  return { role, domain: rest.length > 1 ? rest[0] ?? null : null };
}

export const filesOf = ({ files }: Manifest): DeployedFile[] => files.map(({ path, bytes, sha256: hash }) => ({ path, ...placeOf(path), bytes, sha256: hash }));

/** The domains that a release answers for, as its metadata and its files name them. */
export function domainsOf(manifest: Manifest): string[] {
  const { domains } = manifest.metadata;
  const named = Array.isArray(domains) ? domains.map((domain: unknown) => (typeof domain === 'string' ? domain : (domain as { name?: unknown } | null)?.name)) : [];
  return [...new Set([...named, ...filesOf(manifest).map(({ domain }) => domain)].filter((name): name is string => typeof name === 'string'))];
}

/** How well its domains were trained, 0..1, where its metadata says so. */
export function qualityOf({ metadata: { domains } }: Manifest): Record<string, number> {
  return Object.fromEntries((Array.isArray(domains) ? domains : []).flatMap((domain: unknown): [string, number][] => {
    const { name, quality } = (domain ?? {}) as { readonly name?: unknown; readonly quality?: unknown };
    return typeof name === 'string' && typeof quality === 'number' && quality >= 0 && quality <= 1 ? [[name, quality]] : [];
  }));
}

/** config.json of a release: what a server needs to load it. Paths are relative to the release. */
export interface ReleaseConfig {
  readonly format: 1;
  readonly phase: number;
  readonly release: string;
  /** What answers where no domain fits. */
  readonly model: string | null;
  /** Models of one domain each, where the release has such. */
  readonly models?: readonly { readonly domain: string; readonly path: string }[];
  readonly adapters: readonly { readonly domain: string; readonly path: string }[];
}
