/** Which of a build's or a release's files answer in a domain, whatever their layout. */
import type { DomainCandidate } from '../kernel/capabilities/index.js';

export interface ServedFile {
  readonly path: string;
  /** `model`: a GGUF that answers; `adapter`: a GGUF LoRA for the model that serves all domains. */
  readonly role: 'model' | 'adapter' | 'config';
  /** The only domain that it is for; null when it serves all. */
  readonly domain: string | null;
  /** The release it is of, where several are served side by side. */
  readonly release?: ServedGroup;
}

/** A release among several. */
export interface ServedGroup {
  readonly id: string;
  /** The domains that it answers for. */
  readonly domains: readonly string[];
  /** How well its domains were trained, 0..1, where that was stated. */
  readonly quality?: Readonly<Record<string, number>>;
}

export interface Served {
  readonly path: string;
  /** GGUF LoRAs to load with the model, by domain: all of them, so that every domain shares it. */
  readonly adapters: Readonly<Record<string, string>>;
  /** The one of them to ask with; empty where none is for the domain. */
  readonly use: Readonly<Record<string, number>>;
}

/** The files of the release that answers in a domain; of the first one where none names it. */
function groupOf(all: readonly ServedFile[], domain: string): readonly ServedFile[] {
  const group = all.find(({ release }) => release?.domains.includes(domain))?.release ?? all.find(({ release }) => release !== undefined)?.release;
  return group === undefined ? all : all.filter(({ release }) => release?.id === group.id);
}

/**
 * A domain that no file is for, such as `none`, is answered by the model that serves all, else by the first one; of several
 * releases, by the first. Undefined without any model.
 */
export function servedIn(all: readonly ServedFile[], domain: string): Served | undefined {
  const files = groupOf(all, domain);
  const models = files.filter(({ role }) => role === 'model');
  const own = models.find((file) => file.domain === domain);
  if (own) return { path: own.path, adapters: {}, use: {} };
  const shared = models.find((file) => file.domain === null) ?? models[0];
  if (!shared) return undefined;
  const adapters = Object.fromEntries(files.flatMap((file) => (file.role === 'adapter' && file.domain !== null ? [[file.domain, file.path]] : [])));
  return { path: shared.path, adapters, use: Object.hasOwn(adapters, domain) ? { [domain]: 1 } : {} };
}

/** The domains that some file or release is for, in order. */
export const servedDomains = (files: readonly ServedFile[]): string[] => [...new Set(files.flatMap(({ domain, release }) => [...(domain === null ? [] : [domain]), ...release?.domains ?? []]))];

/** Those domains as the router chooses among them: of several releases the first that answers for a domain speaks for it. */
export const servedCandidates = (files: readonly ServedFile[]): DomainCandidate[] =>
  servedDomains(files).map((name) => {
    const quality = files.find(({ release }) => release?.domains.includes(name))?.release?.quality?.[name];
    return quality === undefined ? { name } : { name, quality };
  });
