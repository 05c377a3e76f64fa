/** What the MeeTARA layouts share: how a release's models are named beside those of others. */
import { lstat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { DeployedFile } from 'tara-gguf/plugin';
import type { LayoutFile, ServedRelease } from './types.js';

export const isThere = (target: string, ...path: string[]): Promise<boolean> => lstat(join(target, ...path)).then(() => true, () => false);

/** The release is in the name, so that a new one never takes the place of a file that is in use. */
const nameIn = ({ id }: ServedRelease, { path, domain }: DeployedFile): string => `tara-${id}${domain === null ? '' : `-${domain}`}-${basename(path)}`;

export interface NamedModel extends DeployedFile {
  /** Its name in the layout's folder. */
  readonly name: string;
}

/** The GGUF files of a release, the one that answers where no domain fits first. */
export const modelsOf = (release: ServedRelease): readonly NamedModel[] =>
  release.files.filter(({ role }) => role !== 'config').map((file) => ({ ...file, name: nameIn(release, file) }));

/** The model that answers in a domain, and the adapter to answer with. */
export function answering(release: ServedRelease, domain: string): { readonly model: NamedModel | undefined; readonly adapter: NamedModel | undefined } {
  const all = modelsOf(release);
  const models = all.filter(({ role }) => role === 'model');
  const own = models.find((model) => model.domain === domain);
  return { model: own ?? models.find((model) => model.domain === null) ?? models[0], adapter: own ? undefined : all.find((file) => file.role === 'adapter' && file.domain === domain) };
}

/** The release that answers where no domain fits. */
export const primaryOf = (served: readonly ServedRelease[]): ServedRelease | undefined => served.find(({ primary }) => primary) ?? served[0];

/** Each domain once; the last deployed release answers where two name it. */
export function domainsOf(served: readonly ServedRelease[]): { readonly release: ServedRelease; readonly domain: ServedRelease['domains'][number] }[] {
  const byName = new Map<string, { release: ServedRelease; domain: ServedRelease['domains'][number] }>();
  for (const release of [...served].sort((a, b) => Number(a.primary) - Number(b.primary) || a.phase - b.phase)) {
    for (const domain of release.domains) byName.set(domain.name, { release, domain });
  }
  return [...byName.values()].sort((a, b) => (a.domain.name < b.domain.name ? -1 : 1));
}

/** The models as files of a folder. */
export const modelFiles = (folder: string, served: readonly ServedRelease[]): LayoutFile[] =>
  served.flatMap((release) => modelsOf(release).map(({ name, sha256 }) => ({ path: `${folder}/${name}`, blob: sha256 })));
