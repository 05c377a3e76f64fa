/** A deployment in another process, which stops at a step for ever until it is killed there. */
import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import type { DeployStep } from '../../plugins/deploy/deployer.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const CHILD = `
import { createDeployer } from './dist/plugins/deploy/deployer.js';
const [target, model, step, nth] = process.argv.slice(2);
let seen = 0;
const deployer = createDeployer({
  hooks: { parallel: async () => [], observe: async () => undefined },
  onStep(at) {
    if (at !== step || ++seen < Number(nth)) return undefined;
    process.send(at);
    return new Promise(() => undefined);
  },
});
await deployer.deploy({ phase: 1, target, files: [{ path: model, role: 'model' }, { path: model, role: 'config' }], metadata: {} });
process.send('done');
`;

function compile(path: string, target: string): void {
  const from = join(ROOT, path);
  if (statSync(from).isDirectory()) {
    for (const name of readdirSync(from)) compile(join(path, name), target);
    return;
  }
  const { outputText } = ts.transpileModule(readFileSync(from, 'utf8'), { compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true } });
  const to = join(target, 'dist', path.replace(/\.ts$/, '.js'));
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, outputText);
}

/** Transpiles the plugin and the contract it imports (never stale, as dist/ may be); returns the folder and its removal. */
export function compileDeploy(): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'tara-deploy-child-'));
  for (const path of ['plugins/deploy', 'src/kernel', 'src/errors.ts', 'src/plugin.ts']) compile(path, folder);
  writeFileSync(join(folder, 'package.json'), readFileSync(join(ROOT, 'package.json')));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
  writeFileSync(join(folder, 'child.mjs'), CHILD);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Starts a deployment and kills it (SIGKILL) at the nth time it reaches a step. Rejects when it never gets there. */
export function killAt(folder: string, options: { target: string; model: string; step: DeployStep; nth?: number }): Promise<void> {
  const child = fork(join(folder, 'child.mjs'), [options.target, options.model, options.step, String(options.nth ?? 1)], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  return new Promise((resolve, reject) => {
    let reached = false;
    let errors = '';
    child.stderr?.on('data', (text: Buffer) => { errors += text.toString(); });
    child.on('message', (step) => {
      reached = step === options.step;
      child.kill('SIGKILL');
    });
    child.on('exit', () => (reached ? resolve() : reject(new Error(`the child never reached ${options.step}: ${errors}`))));
  });
}
