/** Processes in which the deployer runs and is killed, or in which the disk fails. */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import type { TargetLayout } from 'tara-gguf/plugin';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export interface Command {
  readonly command: 'deploy' | 'rollback';
  readonly target: string;
  readonly file: string;
  readonly layout: TargetLayout;
  /** The change of a file at which it is killed, counted from 1; it runs to its end when omitted. */
  readonly at?: number;
}

const transpile = (path: string): string =>
  ts.transpileModule(readFileSync(path, 'utf8'), { compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true } }).outputText;

function compile(path: string, target: string): void {
  const from = join(ROOT, path);
  if (statSync(from).isDirectory()) {
    for (const name of readdirSync(from)) compile(join(path, name), target);
    return;
  }
  const to = join(target, 'dist', path.replace(/\.ts$/, '.js'));
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, transpile(from));
}

/** Transpiles the plugin and the contract it imports (never stale, as dist/ may be); returns the folder and its removal. */
export function compileDeploy(): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'tara-deploy-child-'));
  for (const path of ['plugins/deploy', 'src/kernel', 'src/errors.ts', 'src/lru.ts', 'src/plugin.ts', 'src/read-error.ts', 'src/write-whole.ts']) compile(path, folder);
  writeFileSync(join(folder, 'package.json'), readFileSync(join(ROOT, 'package.json')));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
  copyFileSync(join(ROOT, 'test/plugins/deploy-faults/child.js'), join(folder, 'child.mjs'));
  writeFileSync(join(folder, 'faults.mjs'), transpile(join(ROOT, 'test/plugins/deploy-faults/faults.ts')));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Whether it was killed; how many changes of files it made where it was not. */
export function run(folder: string, command: Command): Promise<{ readonly killed: boolean; readonly changes: number }> {
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [join(folder, 'child.mjs'), JSON.stringify(command)], { cwd: folder }, (failure, stdout, stderr) => {
      if (child.signalCode === 'SIGKILL') return resolve({ killed: true, changes: 0 });
      const [changes = '', code = ''] = stdout.split(' ');
      return failure || code !== '' ? reject(new Error(`${stdout}${stderr}`)) : resolve({ killed: false, changes: Number(changes) });
    });
  });
}
