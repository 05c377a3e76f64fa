/** Which of a build's or a release's files answer in a domain, whatever their layout. */

export interface ServedFile {
  readonly path: string;
  /** `model`: a GGUF that answers; `adapter`: a GGUF LoRA for the model that serves all domains. */
  readonly role: 'model' | 'adapter' | 'config';
  /** The only domain that it is for; null when it serves all. */
  readonly domain: string | null;
}

export interface Served {
  readonly path: string;
  /** GGUF LoRAs to load with the model, by domain: all of them, so that every domain shares it. */
  readonly adapters: Readonly<Record<string, string>>;
  /** The one of them to ask with; empty where none is for the domain. */
  readonly use: Readonly<Record<string, number>>;
}

/** A domain that no file is for, such as `none`, is answered by the model that serves all, else by the first one. Undefined without any model. */
export function servedIn(files: readonly ServedFile[], domain: string): Served | undefined {
  const models = files.filter(({ role }) => role === 'model');
  const own = models.find((file) => file.domain === domain);
  if (own) return { path: own.path, adapters: {}, use: {} };
  const shared = models.find((file) => file.domain === null) ?? models[0];
  if (!shared) return undefined;
  const adapters = Object.fromEntries(files.flatMap((file) => (file.role === 'adapter' && file.domain !== null ? [[file.domain, file.path]] : [])));
  return { path: shared.path, adapters, use: Object.hasOwn(adapters, domain) ? { [domain]: 1 } : {} };
}

/** The domains that some file is for, in order. */
export const servedDomains = (files: readonly ServedFile[]): string[] => [...new Set(files.flatMap(({ domain }) => (domain === null ? [] : [domain])))];
