/** What the registry remembers of a target. The target's own files are the truth; the registry follows them. */
import type { RegistryAccess } from 'tara-gguf';
import { asTaraError, type DeployedRelease, type Release } from 'tara-gguf/plugin';

/** Rows of a target become what it holds and serves; a target that another state folder deployed to is unknown here. */
export async function followTarget(registry: RegistryAccess, target: string, releases: readonly Release[]): Promise<void> {
  const known = await registry.with('read', (open) => open.releases.list({ target }).length > 0);
  if (!known) return;
  const ids = (some: readonly Release[]) => some.map(({ id }) => id);
  await registry.with('write', (open) => open.releases.settle(target, { current: ids(releases.filter(({ current }) => current)).filter((id) => open.releases.find(id) !== undefined), present: ids(releases) }));
}

export const recordRelease = (registry: RegistryAccess, phase: number, build: number, { id, target, layout, previous, files, ...figures }: DeployedRelease, labels: Readonly<Record<string, string>>): Promise<void> =>
  registry.with('write', (open) => {
    const { seconds, copiedBytes, switchMs, smoke, repaired, removed } = figures;
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    open.releases.record({ id, phase, build, target, layout, info: { previous, bytes, seconds, copiedBytes, switchMs, smoke, removed, labels } });
    if (repaired.length > 0) open.record({ kind: 'deploy.repaired', phase, release: id, detail: { target, repaired } });
  });

/** A failure's place in the log of errors; that it cannot be written must not hide the failure. */
export async function recordFailure(registry: RegistryAccess, phase: number, target: string, thrown: unknown): Promise<void> {
  const { code, message, hint } = asTaraError(thrown);
  if (code === 'TARA_ABORTED') return;
  await registry.with('write', (open) => open.record({ kind: 'deploy.failed', phase, detail: { target, code, message, hint } })).catch(() => undefined);
}
