/** Two checks that are one rehearsal: the build is deployed twice into a copy of the target's own files, verified and rolled back. */
import { createHash } from 'node:crypto';
import { copyFile, lstat, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DeployedRelease, RolledBack, TargetLayout, VerifyReport } from 'tara-gguf/plugin';
import { layoutNamed, recogniseLayout } from '../layouts/index.js';
import { readCurrent } from '../store/target.js';
import type { Check, CheckInput } from './types.js';

/** What a target has beside the files of its layout; these tell when, not what. */
const BOOKKEEPING = ['releases', 'blobs', 'readers', 'current', 'previous', 'current.json', 'journal.jsonl'];

interface Rehearsal {
  readonly layout: TargetLayout;
  readonly first: DeployedRelease;
  readonly second: DeployedRelease;
  readonly verified: VerifyReport;
  readonly back: RolledBack;
  readonly afterBack: VerifyReport;
  /** Hash of every file that a reader of the layout sees, after the first deployment and after the rollback. */
  readonly before: Readonly<Record<string, string>>;
  readonly after: Readonly<Record<string, string>>;
}

async function snapshot(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).filter((path) => !BOOKKEEPING.includes(path.split('/')[0] ?? ''));
  return Object.fromEntries(await Promise.all(paths.sort().map(async (path) => [path, createHash('sha256').update(await readFile(join(folder, path))).digest('hex')] as const)));
}

/** The texts that a layout merges into, as the target has them. */
async function copyOwnFiles(target: string, layout: TargetLayout, to: string): Promise<void> {
  const named = layoutNamed(layout).files([{ id: '1-1-00000000', phase: 1, primary: true, quantization: '', files: [], domains: [] }]);
  for (const file of named) {
    if ('blob' in file || !(await lstat(join(target, file.path)).then((stats) => stats.isFile(), () => false))) continue;
    await mkdir(dirname(join(to, file.path)), { recursive: true });
    await copyFile(join(target, file.path), join(to, file.path));
  }
}

async function rehearse({ target, targetLayout, scratch, deployer, phase, files, metadata, signal }: CheckInput): Promise<Rehearsal> {
  const folder = await mkdtemp(join(scratch, 'target-'));
  try {
    const current = await readCurrent(target);
    const layout = targetLayout ?? (current !== undefined && !('fault' in current) ? current.layout : (await recogniseLayout(target)).name);
    await copyOwnFiles(target, layout, folder);
    const request = { phase: phase.number, target: folder, targetLayout: layout, files, metadata, smokeTest: false, signal };
    const first = await deployer.deploy(request);
    const before = await snapshot(folder);
    const second = await deployer.deploy({ ...request, labels: { rehearsal: 'second' } });
    const verified = await deployer.verify(folder, { signal });
    const back = await deployer.rollback(folder);
    return { layout, first, second, verified, back, afterBack: await deployer.verify(folder, { signal }), before, after: await snapshot(folder) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const rehearsals = new WeakMap<CheckInput, Promise<Rehearsal>>();

/** Once for both checks. */
function rehearsalOf(input: CheckInput): Promise<Rehearsal> {
  const known = rehearsals.get(input) ?? rehearse(input);
  rehearsals.set(input, known);
  return known;
}

export const integration: Check = {
  item: 'integration-verified',
  title: 'MeeTARA integration verified',
  async run(input) {
    const { layout, second, verified, before } = await rehearsalOf(input);
    return {
      ok: verified.ok,
      finding: verified.ok ? `deployed as ${layout}: ${second.files.length} files verified, ${Object.keys(before).length} files of the layout lead to them` : verified.issues.map(({ code, path }) => `${code} ${path}`).join('; '),
      evidence: { layout, release: second.id, seconds: second.seconds, copiedBytes: second.copiedBytes, switchMs: second.switchMs, surface: Object.keys(before), issues: verified.issues },
    };
  },
};

export const rollbackRehearsed: Check = {
  item: 'rollback-rehearsed',
  title: 'Rollback rehearsed',
  async run(input) {
    const { first, back, afterBack, before, after } = await rehearsalOf(input);
    const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((path) => before[path] !== after[path]);
    const ok = back.current === first.id && afterBack.ok && changed.length === 0;
    return {
      ok,
      finding: ok ? `back in ${back.seconds.toFixed(2)} s, every file as it was` : [...changed.map((path) => `${path} is not as it was`), ...afterBack.issues.map(({ code, path }) => `${code} ${path}`)].join('; '),
      evidence: { seconds: back.seconds, compared: Object.keys(before).length, changed, issues: afterBack.issues },
    };
  },
};
