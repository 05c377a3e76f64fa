/** What is served at one moment: the files of one model, or of the current releases of a target, by the names that requests use. */
import { basename } from 'node:path';
import type { DomainLease } from '../../chat/index.js';
import type { Engine, Model } from '../../engine/index.js';
import { TaraError } from '../../errors.js';
import type { DomainCandidate, ReaderLease } from '../../kernel/capabilities/index.js';
import { createBalancer, createModelStore, replicasOf, servedCandidates, servedDomains, servedIn, type BalancedLease, type Lease, type ReplicaState, type ServedFile } from '../../models/index.js';
import type { ModelOptions } from '../options.js';

/** How a model name is answered. */
export type Named =
  /** One file, as it is. */
  | { readonly kind: 'file'; readonly file: ServedFile }
  /** Emotion and router first; `domain` where the router is not to be asked. */
  | { readonly kind: 'chat'; readonly domain: string | undefined }
  | { readonly kind: 'embedding'; readonly path: string };

export interface ModelName {
  readonly id: string;
  readonly named: Named;
}

export interface Serving {
  /** The release that answers where no domain fits; null where one file is served. */
  readonly release: string | null;
  readonly releases: readonly string[];
  readonly files: readonly ServedFile[];
  readonly domains: readonly string[];
  /** The domains as the router chooses among them. */
  readonly candidates: readonly DomainCandidate[];
  /** The names that /v1/models lists. */
  readonly names: readonly ModelName[];
  /** When it began to be served, in seconds since 1970. */
  readonly since: number;
  /** Throws TARA_MODEL_UNKNOWN. `default` where a request names none. */
  find(name: string): Named;
  /** The release that answers in a domain. */
  releaseOf(domain: string): string | undefined;
  acquireFile(file: ServedFile, signal?: AbortSignal): Promise<DomainLease>;
  acquireDomain(domain: string, signal?: AbortSignal): Promise<DomainLease>;
  acquireEmbedding(path: string, signal?: AbortSignal): Promise<Lease>;
  /** The models that are loaded now. */
  loaded(): readonly Model[];
  /** How the replicas of each model fare. */
  replicas(): readonly ReplicaState[];
  /** Unloads everything. */
  close(): Promise<void>;
}

export const DOMAIN_PREFIX = 'domain:';

/** The first of the models: what answers where no domain fits. */
const mainOf = (files: readonly ServedFile[]): ServedFile | undefined => {
  const path = servedIn(files, '')?.path;
  return files.find((file) => file.path === path);
};

function namesOf(files: readonly ServedFile[], domains: readonly string[], embeddingModel: string | undefined, aliases: readonly string[]): ModelName[] {
  const main = mainOf(files);
  const named = (id: string, to: Named): ModelName => ({ id, named: to });
  const all = [
    ...(main === undefined ? [] : ['default', ...aliases].map((id) => named(id, { kind: 'file', file: main }))),
    named('auto', { kind: 'chat', domain: undefined }),
    ...domains.map((domain) => named(`${DOMAIN_PREFIX}${domain}`, { kind: 'chat', domain })),
    ...files.filter(({ role }) => role === 'model').map((file) => named(basename(file.path), { kind: 'file', file })),
    ...(embeddingModel === undefined ? [] : [named(basename(embeddingModel), { kind: 'embedding', path: embeddingModel })]),
  ];
  // Of two files with one name the first; domains tell them apart.
  return [...new Map(all.reverse().map((name) => [name.id, name])).values()].reverse();
}

/** Loads the model that answers where no domain fits, and keeps it; others load when they are asked. Rejects as engine.load does. */
export async function openServing(engine: Engine, files: readonly ServedFile[], options: ModelOptions, held: ReaderLease | undefined): Promise<Serving> {
  const { load = {}, memory, embeddingModel, aliases = [], replicas = 1 } = options;
  const store = createModelStore(engine, memory === undefined ? {} : { budgetBytes: memory, idleBytes: memory });
  const balancer = createBalancer();
  const balanced = (path: string, adapters: Readonly<Record<string, string>>, signal: AbortSignal | undefined): Promise<BalancedLease> =>
    balancer.acquire(replicasOf(store, path, replicas, { ...load, adapters }), signal);
  const domains = servedDomains(files);
  const names = namesOf(files, domains, embeddingModel, aliases);
  const byId = new Map(names.map(({ id, named }) => [id, named]));
  const releaseOf = (domain: string): string | undefined => {
    const path = servedIn(files, domain)?.path;
    return files.find((file) => file.path === path)?.release?.id;
  };

  async function acquire(domain: string, signal?: AbortSignal): Promise<DomainLease> {
    const served = servedIn(files, domain);
    if (!served) throw new TaraError('TARA_NO_REPLICA');
    const lease = await balanced(served.path, served.adapters, signal);
    return { ...lease, adapters: served.use, releaseId: releaseOf(domain) };
  }

  /** With the adapters that its domains are answered with, so that both share one model, and none of them in use. */
  async function acquireFile({ path, domain, release }: ServedFile, signal?: AbortSignal): Promise<DomainLease> {
    const served = servedIn(files.filter((file) => file.release?.id === release?.id), domain ?? '');
    const lease = await balanced(path, served?.path === path ? served.adapters : {}, signal);
    return { ...lease, releaseId: release?.id };
  }

  const main = await acquire('').catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  // Within a budget it must be able to make room for another.
  if (memory !== undefined) main.release();

  return {
    release: main.releaseId ?? null,
    releases: [...new Set(files.flatMap(({ release }) => (release ? [release.id] : [])))],
    files, domains, names,
    candidates: servedCandidates(files),
    since: Math.floor(Date.now() / 1000),
    find(name) {
      const found = byId.get(name);
      if (found === undefined) throw new TaraError('TARA_MODEL_UNKNOWN', { param: 'model', model: JSON.stringify(name.slice(0, 200)), known: names.map(({ id }) => id).join(', ') });
      return found;
    },
    releaseOf,
    acquireFile,
    acquireDomain: acquire,
    // A sentence model has a context of its own.
    acquireEmbedding: (path, signal) => store.acquire(path, { ...load, contextSize: undefined, ...(signal && { signal }) }),
    loaded: () => store.loaded(),
    replicas: () => balancer.states(),
    async close() {
      main.release();
      await store.close();
      await held?.release();
    },
  };
}
