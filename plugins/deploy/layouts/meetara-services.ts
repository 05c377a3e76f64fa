/**
 * The layout of MeeTARA's services: GGUF files in models/, three files in config/services/ that say what answers where,
 * and bundle_manifest.json with the checksums of the models. What is not ours stays.
 */
import { setJson, type JsonChange } from './json.js';
import { answering, domainsOf, isThere, modelFiles, modelsOf, primaryOf } from './names.js';
import type { Layout, ServedRelease } from './types.js';

const MODELS = 'models';
const SERVICES = 'config/services';

const serviceChanges = (served: readonly ServedRelease[]): JsonChange[] => {
  const primary = primaryOf(served);
  return [
    { path: ['tara', 'engine'], value: 'tara-gguf' },
    { path: ['tara', 'release'], value: primary?.id ?? null },
    { path: ['tara', 'default_model'], value: (primary && answering(primary, '').model?.name) ?? null },
    { path: ['tara', 'models_path'], value: MODELS },
    { path: ['tara', 'phases'], value: Object.fromEntries(served.map(({ phase, id, quantization, domains }) => [String(phase), { release: id, quantization, domains: domains.map(({ name }) => name) }])) },
  ];
};

const mappingChanges = (served: readonly ServedRelease[]): JsonChange[] => domainsOf(served).map(({ release, domain }) => {
  const { model, adapter } = answering(release, domain.name);
  return { path: ['domains', domain.name], value: { model: model?.name ?? null, ...(adapter && { adapter: adapter.name }), phase: release.phase, release: release.id } };
});

/** The server's own addresses, as `serve --target` answers them. */
const ENDPOINTS = { chat: '/v1/chat/completions', models: '/v1/models', embeddings: '/v1/embeddings', route: '/v1/route', emotion: '/v1/emotion', health: '/health', metrics: '/metrics' };

const endpointChanges = (served: readonly ServedRelease[]): JsonChange[] => [
  { path: ['tara', 'endpoints'], value: ENDPOINTS },
  { path: ['tara', 'models'], value: ['auto', ...domainsOf(served).map(({ domain }) => `domain:${domain.name}`)] },
];

const manifestChanges = (served: readonly ServedRelease[]): JsonChange[] => [
  { path: ['tara'], value: served.map((release) => ({ phase: release.phase, release: release.id, files: modelsOf(release).map(({ name, bytes, sha256 }) => ({ path: `${MODELS}/${name}`, bytes, sha256 })) })) },
];

export const meetaraServices: Layout = {
  name: 'meetara-services',
  recognises: (target) => isThere(target, 'config', 'services'),
  files(served) {
    if (served.length === 0) return [];
    const json = (path: string, changes: readonly JsonChange[]) => ({ path, merge: (before: string | null) => setJson(before, path, changes) });
    return [
      ...modelFiles(MODELS, served),
      json('bundle_manifest.json', manifestChanges(served)),
      json(`${SERVICES}/api_endpoints.json`, endpointChanges(served)),
      json(`${SERVICES}/model_mapping.json`, mappingChanges(served)),
      json(`${SERVICES}/service_config.json`, serviceChanges(served)),
    ];
  },
};
