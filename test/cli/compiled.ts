/** A runnable copy of the sources for tests that need other processes: it is never stale, as dist/ may be. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Transpiles src and plugins into DIR/dist, beside bin/ and node_modules; returns DIR. */
export function compileSources(): string {
  const target = mkdtempSync(join(tmpdir(), 'tara-compiled-'));
  for (const part of ['src', 'plugins']) compile(part, target);
  cpSync(join(ROOT, 'bin'), join(target, 'bin'), { recursive: true });
  writeFileSync(join(target, 'package.json'), readFileSync(join(ROOT, 'package.json')));
  symlinkSync(join(ROOT, 'node_modules'), join(target, 'node_modules'), 'junction');
  return target;
}

function compile(path: string, target: string): void {
  const from = join(ROOT, path);
  if (!path.endsWith('.ts')) {
    for (const name of readdirOf(from)) compile(join(path, name), target);
    return;
  }
  const text = readOf(from);
  if (text === null) return;
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
  });
  const to = join(target, 'dist', path.replace(/\.ts$/, '.js'));
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, outputText);
}

const readdirOf = (path: string): string[] => {
  try {
    return readdirSync(path).filter((name) => name.endsWith('.ts') || !name.includes('.'));
  } catch {
    return [];
  }
};

const readOf = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
};
