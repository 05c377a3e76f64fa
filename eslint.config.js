import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Which rooms of src/ a room may import from: arrows point one way. */
const ROOMS = {
  kernel: [],
  formats: [],
  workers: [],
  engine: ['formats'],
  scan: ['engine'],
  plan: ['formats', 'engine'],
  convert: ['formats', 'plan', 'workers'],
  models: ['engine', 'formats', 'kernel'],
  measure: ['engine', 'formats', 'models'],
  page: ['workers'],
  benchmark: ['measure', 'convert', 'engine', 'formats', 'workers', 'page'],
  train: ['benchmark', 'measure', 'models', 'engine', 'plan', 'convert', 'formats', 'workers'],
  chat: ['models', 'engine', 'kernel'],
  phases: ['models', 'measure', 'train', 'engine', 'convert', 'plan', 'formats', 'kernel', 'workers'],
  analytics: ['phases', 'page', 'workers'],
  testing: ['kernel'],
  server: ['kernel', 'formats', 'plan', 'engine', 'scan', 'convert', 'workers', 'models', 'measure', 'page', 'benchmark', 'train', 'chat', 'phases', 'analytics'],
};
const ALL = ['kernel', 'formats', 'plan', 'engine', 'scan', 'convert', 'workers', 'models', 'measure', 'page', 'benchmark', 'train', 'chat', 'phases', 'analytics', 'cli', 'testing', 'server'];

export default tseslint.config(
  { ignores: ['dist/', 'build/', 'vendor/', 'node_modules/', 'coverage/', 'examples/**/dist/'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    languageOptions: { globals: { process: 'readonly', console: 'readonly', Buffer: 'readonly', URL: 'readonly', setTimeout: 'readonly', clearTimeout: 'readonly', setImmediate: 'readonly', performance: 'readonly', AbortController: 'readonly', AbortSignal: 'readonly', TextDecoder: 'readonly', TextEncoder: 'readonly', structuredClone: 'readonly', setInterval: 'readonly', clearInterval: 'readonly', fetch: 'readonly', Request: 'readonly', Response: 'readonly', ReadableStream: 'readonly' } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'] }],
    },
  },
  {
    // The dashboard's modules run in a browser.
    files: ['src/server/dashboard/page/*.js'],
    languageOptions: { globals: Object.fromEntries(['document', 'window', 'fetch', 'matchMedia', 'getComputedStyle', 'sessionStorage', 'Node', 'ResizeObserver', 'TextDecoderStream'].map((name) => [name, 'readonly'])) },
  },
  ...Object.entries(ROOMS).map(([room, allowed]) => ({
    files: [`src/${room}/**/*.ts`],
    rules: {
      'no-restricted-imports': ['error', {
        patterns: [{
          group: ALL.filter((other) => other !== room && !allowed.includes(other)).flatMap((other) => [`../${other}/*`, `../../${other}/*`]),
          message: `src/${room} may import only: errors${allowed.map((other) => `, ${other}`).join('')}`,
        }],
      }],
    },
  })),
  {
    files: ['plugins/**/*.ts'],
    rules: {
      'no-restricted-imports': ['error', {
        patterns: [{ group: ['**/src/**', '../../*', '../../../*'], message: 'a plugin imports tara-gguf, tara-gguf/plugin and its own files, never another room' }],
      }],
    },
  },
);
