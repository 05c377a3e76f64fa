import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    // Plugins import the package by its own name; tests run them on the sources.
    alias: [
      { find: /^tara-gguf\/plugin$/, replacement: at('./src/plugin.ts') },
      { find: /^tara-gguf\/testing$/, replacement: at('./src/testing/index.ts') },
      { find: /^tara-gguf$/, replacement: at('./src/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
