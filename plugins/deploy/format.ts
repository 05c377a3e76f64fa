/**
 * The files of a deployment target, and their checks when they are read again:
 *
 *   current.json      which release is served; its replacement by rename is the switch
 *   journal.jsonl     what happened, one line each
 *   releases/ID/      manifest.json, config.json, routing.json, models/[DOMAIN/], adapters/DOMAIN/, config/
 */
import type { DeployedFile, DeployFile } from 'tara-gguf/plugin';
import { z } from 'zod';

/** PHASE-NUMBER-RANDOM: the number counts all releases of the target. */
export const RELEASE_ID = /^(\d{1,4})-(\d{1,9})-([0-9a-f]{8})$/;
/** A release that is being written. */
export const PARTIAL = '.partial';

const releaseId = z.string().regex(RELEASE_ID);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A relative path that stays in its folder, by name alone. */
const innerPath = z.string().max(4096).refine(
  (path) => path !== '' && !/[\0\\]/.test(path) && !/^[A-Za-z]:/.test(path) && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..'),
  'leads out of the release',
);

export const currentSchema = z.object({
  format: z.literal(1),
  release: releaseId,
  previous: releaseId.nullable(),
  phase: z.number().int(),
  /** SHA-256 of the release's manifest.json. */
  manifest: sha256,
  switchedAt: z.string(),
});
export type Current = z.infer<typeof currentSchema>;

export const manifestSchema = z.object({
  format: z.literal(1),
  id: releaseId,
  phase: z.number().int(),
  createdAt: z.string(),
  files: z.array(z.object({ path: innerPath, bytes: z.number().int().nonnegative(), sha256 })).max(100_000),
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
