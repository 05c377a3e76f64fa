/** In-memory capabilities with fixed, simple behaviour: no files, no models, the same answer every time. */

import { TaraError } from '../errors.js';
import {
  CAPABILITIES, EMOTIONS,
  type CleanReport, type Cleaner, type Compressor, type DeployedRelease, type Deployer, type DomainScore, type Emotion, type EmotionAnalysis, type EmotionName, type Release, type Router,
} from '../kernel/capabilities/index.js';
import { service, type Service } from '../kernel/index.js';

/** Finds every folder clean. */
export const fakeCleaner = (report: Partial<CleanReport> = {}): Cleaner => ({
  clean: (path) => Promise.resolve({ kind: 'unknown', valid: true, score: 100, output: path, removed: [], issues: [], fixes: [], bytesSaved: 0, seconds: 0, ...report }),
});

/** Finds every text neutral, or as `answer` says. */
export const fakeEmotion = (answer: Partial<EmotionAnalysis> = {}): Emotion => ({
  analyze: (text) =>
    Promise.resolve({
      text, dominant: 'neutral', labels: [], intensity: 0, valence: 0, crisis: { level: 'none', reasons: [] },
      emotions: Object.fromEntries(EMOTIONS.map((name) => [name, 0])) as Record<EmotionName, number>,
      ...answer,
    }),
  style: () => Promise.resolve({ instructions: '' }),
  responseTemplates: {},
});

/** Picks the first candidate whose name or keyword stands in the text, else `none`. */
export const fakeRouter = (): Router => ({
  route: (text, { candidates = [] } = {}) => {
    const words = new Set(text.toLowerCase().split(/\W+/));
    const fits = candidates.map(({ name, keywords = [] }) => ({ name, total: [name, ...keywords].some((word) => words.has(word.toLowerCase())) ? 1 : 0 }));
    const best = fits.find(({ total }) => total === 1);
    const scores: Record<string, DomainScore> = Object.fromEntries(fits.map(({ name, total }) => [name, { total, content: total, emotion: 0, speed: 0, quality: 0 }]));
    return Promise.resolve({ text, domain: best?.name ?? 'none', confidence: best === undefined ? 0 : 1, scores, fallback: null, crisis: { level: 'none', reasons: [] } });
  },
});

/** Keeps the preset. */
export const fakeCompressor = (): Compressor => ({
  propose: ({ quantization }) => Promise.resolve({ preset: quantization, types: {}, bytes: null, evidence: [] }),
});

/** Remembers releases; ids are r1, r2, … and nothing is copied. */
export function fakeDeployer(): Deployer {
  const targets = new Map<string, { releases: Release[]; current: string | null }>();
  const of = (target: string) => {
    const state = targets.get(target) ?? { releases: [], current: null };
    targets.set(target, state);
    return state;
  };
  return {
    deploy: ({ phase, files, target }): Promise<DeployedRelease> => {
      const state = of(target);
      const id = `r${state.releases.length + 1}`;
      const release = { id, phase, path: `${target}/releases/${id}`, files: files.map(({ path, role, domain = null }) => ({ path, role, domain, bytes: 0, sha256: '' })), domains: [], labels: {}, metadata: {}, createdAt: new Date(0).toISOString(), current: true, primary: true };
      const previous = state.current;
      state.releases.unshift(release);
      state.current = id;
      return Promise.resolve({ id, target, path: release.path, files: release.files, previous, layout: 'plain', copiedBytes: 0, removed: [], repaired: [], smoke: [], switchMs: 0, seconds: 0 });
    },
    verify: () => Promise.resolve({ ok: true, issues: [] }),
    rollback: async (target, id) => {
      const state = of(target);
      const at = state.releases.findIndex((release) => release.id === state.current);
      const wanted = state.releases.find((release, index) => (id === undefined ? index === at + 1 : release.id === id));
      if (wanted === undefined) throw new TaraError('TARA_INTERNAL', { reason: `the fake deployer has no release ${id ?? 'before the current one'}` });
      const previous = state.current;
      state.current = wanted.id;
      return { current: wanted.id, previous, repaired: [], seconds: 0 };
    },
    releases: (target) => Promise.resolve(of(target).releases.map((release) => ({ ...release, current: release.id === of(target).current, primary: release.id === of(target).current }))),
    prune: () => Promise.resolve([]),
    hold: () => Promise.resolve({ release: () => Promise.resolve() }),
  };
}

/** The five as services of a host; plugins that provide one go before it. */
export const fakeCapabilities = (): readonly Service[] => [
  service(CAPABILITIES.cleaner, () => fakeCleaner()),
  service(CAPABILITIES.emotion, () => fakeEmotion()),
  service(CAPABILITIES.router, fakeRouter),
  service(CAPABILITIES.compressor, fakeCompressor),
  service(CAPABILITIES.deployer, fakeDeployer),
];
