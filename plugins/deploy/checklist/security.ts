/** The build's files are sound GGUF files that say where they come from, and that nobody else may change. */
import { lstat } from 'node:fs/promises';
import { metadataOf, readGguf } from 'tara-gguf';
import type { Check } from './types.js';

export const security: Check = {
  item: 'security-validated',
  title: 'Security validation complete',
  async run({ files, target, deployer }) {
    const read = await Promise.all(files.map(async ({ path }) => {
      const [file, { mode }] = await Promise.all([readGguf(path).catch(() => undefined), lstat(path)]);
      const writable = process.platform !== 'win32' && (mode & 0o022) !== 0;
      const sources = file === undefined ? 0 : file.metadata.filter(({ key }) => key === 'tara.sources').length;
      return { path, sound: file !== undefined, mode: (mode & 0o777).toString(8), writable, sources: sources > 0, phase: file === undefined ? null : metadataOf(file).number('tara.phase') ?? null };
    }));
    const report = await deployer.verify(target).catch(() => undefined);
    const deployed = report?.issues.filter(({ code }) => code !== 'CURRENT_MISSING') ?? [];
    const problems = [
      ...read.filter(({ sound }) => !sound).map(({ path }) => `${path} is no sound GGUF`),
      ...read.filter(({ writable }) => writable).map(({ path }) => `others may write ${path}`),
      ...(read.some(({ sources }) => sources) ? [] : ['no file names the hashes of its sources']),
      ...deployed.map(({ code, path }) => `${code} ${path} in the target`),
    ];
    return { ok: problems.length === 0, finding: problems.length === 0 ? `${read.length} files, sound, with known sources, writable by their owner alone` : problems.join('; '), evidence: { files: read, target, deployed } };
  },
};
