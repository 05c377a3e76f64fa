import { readFile, readdir } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const src = fileURLToPath(new URL('../../src/', import.meta.url));

/** What a source file loads when it runs: imports of types only are left out. */
async function loads(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8');
  return [...text.matchAll(/^(?:import|export)\s+(?!type\b)(?:[^'";]*?from\s+)?'([^']+)';$/gm)].map((match) => match[1] ?? '');
}

it('plugin.ts loads nothing but contract files, the cache, writing and errors', async () => {
  const seen = new Set<string>();
  const visit = async (file: string): Promise<void> => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const specifier of await loads(file)) {
      if (specifier.startsWith('node:')) continue;
      expect(specifier, `${file} loads ${specifier}`).toMatch(/^\./);
      await visit(resolve(dirname(file), specifier.replace(/\.js$/, '.ts')));
    }
  };
  await visit(join(src, 'plugin.ts'));
  expect([...seen].map((file) => file.slice(src.length)).sort()).toEqual(
    ['errors.ts', 'kernel/capabilities/cleaner.ts', 'kernel/capabilities/compressor.ts', 'kernel/capabilities/deployer.ts', 'kernel/capabilities/embedder.ts', 'kernel/capabilities/emotion.ts', 'kernel/capabilities/index.ts', 'kernel/capabilities/router.ts', 'kernel/command.ts', 'kernel/command-texts.ts', 'kernel/hook-table.ts', 'kernel/plugin.ts', 'kernel/services.ts', 'kernel/tokens.ts', 'kernel/version.ts', 'lru.ts', 'plugin.ts', 'read-error.ts', 'write-whole.ts'].sort(),
  );
});

it('the kernel imports only itself, errors and libraries', async () => {
  const kernel = join(src, 'kernel');
  const files = (await readdir(kernel, { recursive: true })).filter((name) => name.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(20);
  for (const name of files) {
    for (const specifier of await loads(join(kernel, name))) {
      if (/^(?:node:[a-z/]+|[a-z][a-z-]*)$/.test(specifier)) continue;
      expect(specifier, `kernel/${name}`).toMatch(/^\.{1,2}\/[a-z./-]+\.js$/);
      const inside = relative(src, resolve(kernel, dirname(name), specifier));
      expect(inside === 'errors.js' || inside.startsWith(`kernel${sep}`), `kernel/${name} imports ${inside}`).toBe(true);
    }
  }
});
