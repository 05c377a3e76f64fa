/**
 * The layout of a meetara-core checkout: GGUF files in models/gguf/, the keys of .env that select them, and entries in
 * config/model_config.yaml, domain_config.yaml (categories, domains) and domain_keywords.yaml. What is not ours stays.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setEnv } from './env.js';
import { answering, domainsOf, isThere, modelFiles, modelsOf, primaryOf } from './names.js';
import type { Layout, ServedRelease } from './types.js';
import { readYaml, setYaml, type YamlChange } from './yaml.js';

const MODELS = 'models/gguf';
/** The category of domains that the checkout has no place for. */
const OWN_CATEGORY = 'tara';

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** An empty MEETARA_HF_MODEL_ID, since a set one wins over local paths. */
const envOf = (served: readonly ServedRelease[]): Readonly<Record<string, string>> => {
  const primary = primaryOf(served);
  return {
    USE_MEETARA_MODELS: 'true',
    MEETARA_HF_MODEL_ID: '',
    MEETARA_MODELS_PATH: MODELS,
    MEETARA_INSTRUCT_MODEL: (primary && answering(primary, '').model?.name) ?? '',
  };
};

const modelChanges = (served: readonly ServedRelease[]): YamlChange[] => served.map((release) => ({
  path: ['models', `tara-phase-${release.phase}`],
  value: {
    release: release.id,
    quantization: release.quantization,
    domains: release.domains.map(({ name }) => name),
    files: modelsOf(release).map(({ name, role, domain, sha256, bytes }) => ({ path: `${MODELS}/${name}`, role, ...(domain !== null && { domain }), sha256, bytes })),
  },
}));

/** The category that has a domain already. */
function categoryOf(config: unknown, domain: string): string | undefined {
  const categories = isObject(config) && isObject(config.categories) ? config.categories : {};
  return Object.keys(categories).find((name) => {
    const category = categories[name];
    return isObject(category) && isObject(category.domains) && Object.hasOwn(category.domains, domain);
  });
}

function domainChanges(before: string | null, file: string, served: readonly ServedRelease[]): YamlChange[] {
  const config = readYaml(before, file);
  return domainsOf(served).flatMap(({ release, domain }) => {
    const { model, adapter } = answering(release, domain.name);
    const at = ['categories', categoryOf(config, domain.name) ?? OWN_CATEGORY, 'domains', domain.name];
    return [
      ...(categoryOf(config, domain.name) === undefined && !(isObject(config) && isObject(config.categories) && Object.hasOwn(config.categories, OWN_CATEGORY)) ? [{ path: ['categories', OWN_CATEGORY, 'tier'], value: 'quality' }] : []),
      { path: [...at, 'model'], value: `${MODELS}/${model?.name ?? ''}` },
      ...(adapter ? [{ path: [...at, 'adapter'], value: `${MODELS}/${adapter.name}` }] : []),
    ];
  });
}

/** Only for domains that have no keywords of the checkout's own. */
function keywordChanges(before: string | null, file: string, served: readonly ServedRelease[]): YamlChange[] {
  const config = readYaml(before, file);
  const known = isObject(config) && isObject(config.domains) ? config.domains : {};
  return domainsOf(served).flatMap(({ domain: { name, keywords, description } }) => {
    if (Object.hasOwn(known, name)) return [];
    return [{ path: ['domains', name], value: { ...(description !== null && { description }), keywords: keywords.length === 0 ? [name] : keywords } }];
  });
}

export const meetaraCore: Layout = {
  name: 'meetara-core',
  async recognises(target) {
    for (const name of ['model_config.yaml', 'domain_config.yaml', 'domain_keywords.yaml']) if (await isThere(target, 'config', name)) return true;
    for (const name of ['.env', 'env.example']) if (/^\s*(?:export\s+)?(?:USE_MEETARA_MODELS|MEETARA_\w+)\s*=/m.test(await readFile(join(target, name), 'utf8').catch(() => ''))) return true;
    return false;
  },
  files(served) {
    if (served.length === 0) return [];
    const yaml = (name: string, changes: (before: string | null, file: string) => readonly YamlChange[]) => {
      const path = `config/${name}.yaml`;
      return { path, merge: (before: string | null) => setYaml(before, path, changes(before, path)) };
    };
    return [
      ...modelFiles(MODELS, served),
      yaml('model_config', () => modelChanges(served)),
      yaml('domain_keywords', (before, file) => keywordChanges(before, file, served)),
      yaml('domain_config', (before, file) => domainChanges(before, file, served)),
      { path: '.env', merge: (before) => setEnv(before, envOf(served)) },
    ];
  },
};
