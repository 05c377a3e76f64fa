/** Runs the cleanup cases of a folder as their README says: prepare, clean into a copy, compare tree, report and source. */
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { clean } from '../../plugins/cleanup/cleaner.js';

interface Expected {
  kind: string;
  valid: boolean;
  options?: { max_file_bytes?: number; base_dir?: string };
  removed: string[];
  kept: { path: string; sha256: string | null }[];
  created: (string | { path: string })[];
  either: (string | { path: string })[];
  issues: { code: string; path: string; severity: string; field?: string; code_any?: string[]; path_any?: string[] }[];
  issues_allowed: { code: string; path: string }[];
  fixes: { code: string; file: string; fields: Record<string, unknown> }[];
  prepare?: Step[];
}

interface Step {
  op: string;
  path: string;
  text?: string;
  base64?: string;
  target?: string;
  mode?: string;
  name?: string;
  leaf?: string;
  pattern?: string;
  depth?: number;
  count?: number;
}

function prepare(root: string, step: Step): void {
  const path = join(root, step.path);
  if (step.op === 'mkdir') mkdirSync(path, { recursive: true });
  else if (step.op === 'chmod') chmodSync(path, Number.parseInt(String(step.mode), 8));
  else if (step.op === 'nest') {
    const deepest = join(path, ...Array.from({ length: step.depth ?? 0 }, () => step.name ?? ''));
    mkdirSync(deepest, { recursive: true });
    writeFileSync(join(deepest, step.leaf ?? ''), step.text ?? '');
  } else if (step.op === 'many') {
    mkdirSync(path, { recursive: true });
    for (let index = 0; index < (step.count ?? 0); index++) {
      writeFileSync(join(path, (step.pattern ?? '').replace(/%0?(\d*)d/, (_, width: string) => String(index).padStart(Number(width || 0), '0'))), step.text ?? '');
    }
  } else {
    mkdirSync(dirname(path), { recursive: true });
    if (step.op === 'symlink') symlinkSync(step.target ?? '', path);
    else writeFileSync(path, step.base64 === undefined ? step.text ?? '' : Buffer.from(step.base64, 'base64'));
  }
}

/** Relative path to content hash and modification time; a link's text stands for its content. */
export function snapshot(root: string): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (folder: string, prefix: string): void => {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const stats = lstatSync(path);
      if (stats.isDirectory()) walk(path, `${prefix}${name}/`);
      else found.set(prefix + name, stats.isFile() ? `${sha256(path)} ${stats.mtimeMs}` : 'link');
    }
  };
  walk(root, '');
  return found;
}

/** Everything that can be told of a tree: names (as latin1, whatever bytes they have), kinds, permissions, times of change, contents. */
export function exactTree(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (path: Buffer, name: string): void => {
    const stats = lstatSync(path);
    const content = stats.isFile() ? sha256(path) : stats.isSymbolicLink() ? readlinkSync(path) : '';
    // A parent folder changes with what is made beside the model.
    found[name] = `${(stats.mode & 0o777).toString(8)} ${name === '' ? '' : Math.round(stats.mtimeMs)} ${content}`;
    if (stats.isDirectory()) for (const inner of readdirSync(path, 'latin1')) walk(Buffer.concat([path, Buffer.from(`/${inner}`, 'latin1')]), `${name}/${inner}`);
  };
  walk(Buffer.from(root), '');
  return found;
}

export const sha256 = (path: string | Buffer): string => createHash('sha256').update(readFileSync(path)).digest('hex');

const nameOf = (item: string | { path: string }): string => (typeof item === 'string' ? item : item.path);

function matches(wanted: unknown, got: unknown): boolean {
  const rule = wanted as { any?: unknown[]; set?: unknown[] } | null;
  if (rule !== null && typeof rule === 'object' && Array.isArray(rule.any)) return rule.any.includes(got);
  if (rule !== null && typeof rule === 'object' && Array.isArray(rule.set)) return Array.isArray(got) && JSON.stringify(rule.set.toSorted()) === JSON.stringify(got.toSorted());
  return JSON.stringify(wanted) === JSON.stringify(got);
}

/** Names of the cases in a folder. */
export const casesIn = (folder: string): string[] => readdirSync(folder).filter((name) => existsSync(join(folder, name, 'expected.json')));

/** Everything that differs from what the case expects; empty when it is exact. */
export async function runCase(source: string): Promise<string[]> {
  const work = mkdtempSync(join(tmpdir(), 'tara-cleanup-'));
  try {
    return await differences(source, work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function differences(source: string, work: string): Promise<string[]> {
  const copy = join(work, 'case');
  cpSync(source, copy, { recursive: true, verbatimSymlinks: true });
  const expected = JSON.parse(readFileSync(join(copy, 'expected.json'), 'utf8')) as Expected;
  const model = join(copy, 'model');
  mkdirSync(model, { recursive: true });
  for (const step of expected.prepare ?? []) prepare(model, step);
  const before = snapshot(copy);
  const output = join(work, 'out');
  const { max_file_bytes: maxFileBytes, base_dir: baseDir } = expected.options ?? {};
  const report = await clean(model, { outputPath: output, ...(maxFileBytes !== undefined && { maxFileBytes }), ...(baseDir !== undefined && { baseDir: join(copy, baseDir) }) });
  const wrong: string[] = [];
  const after = snapshot(copy);
  if (JSON.stringify([...before]) !== JSON.stringify([...after])) wrong.push('the source was touched');
  if (report.kind !== expected.kind) wrong.push(`kind ${report.kind}`);
  if (report.valid !== expected.valid) wrong.push(`valid ${report.valid}`);
  const got = snapshot(output);
  for (const { path, sha256: hash } of expected.kept) {
    if (!got.has(path)) wrong.push(`lost ${path}`);
    else if (hash !== null && sha256(join(output, path)) !== hash) wrong.push(`changed ${path}`);
  }
  const fine = new Set([...expected.kept.map(({ path }) => path), ...expected.created.map(nameOf), ...expected.either.map(nameOf), ...expected.fixes.map(({ file }) => file)]);
  for (const path of got.keys()) if (!fine.has(path)) wrong.push(`left over ${path}`);
  for (const path of expected.removed) if ([...got.keys()].some((name) => name === path || (path.endsWith('/') && name.startsWith(path)))) wrong.push(`still has ${path}`);
  wrong.push(...issueDifferences(expected, report.issues), ...fixDifferences(expected, report.fixes, output));
  return wrong;
}

function issueDifferences(expected: Expected, issues: readonly { code: string; path: string; severity: string; message: string }[]): string[] {
  const wrong: string[] = [];
  for (const { code, path, severity, field, code_any: codes = [], path_any: paths = [] } of expected.issues) {
    const found = issues.find((issue) => [code, ...codes].includes(issue.code) && [path, ...paths].includes(issue.path) && issue.severity === severity && (field === undefined || issue.message.includes(field)));
    if (!found) wrong.push(`missed ${severity} ${code} ${path} ${field ?? ''}`);
  }
  for (const { code, path, severity } of issues) {
    const known = expected.issues.some((issue) => [issue.code, ...issue.code_any ?? []].includes(code) && [issue.path, ...issue.path_any ?? []].includes(path));
    const allowed = expected.issues_allowed.some((issue) => issue.code === code && ['*', path].includes(issue.path));
    if (severity === 'error' && !known && !allowed) wrong.push(`false alarm ${code} ${path}`);
  }
  return wrong;
}

function fixDifferences(expected: Expected, fixes: readonly { code: string; file: string }[], output: string): string[] {
  const wrong: string[] = [];
  for (const { code, file, fields } of expected.fixes) {
    if (!fixes.some((fix) => fix.code === code && fix.file === file)) wrong.push(`no fix ${code} ${file}`);
    const held = existsSync(join(output, file)) ? (JSON.parse(readFileSync(join(output, file), 'utf8')) as Record<string, unknown>) : {};
    for (const [key, value] of Object.entries(fields)) if (!matches(value, held[key])) wrong.push(`fix ${code}: ${key} is ${JSON.stringify(held[key])}`);
  }
  for (const { code, file } of fixes) if (!expected.fixes.some((fix) => fix.code === code && fix.file === file)) wrong.push(`unexpected fix ${code} ${file}`);
  return wrong;
}
