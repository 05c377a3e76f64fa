/** A deployment's request out of a build and what its main file says of itself. */
import { metadataOf, readGguf, type RegistryAccess } from 'tara-gguf';
import type { DeployFile } from 'tara-gguf/plugin';

export interface BuiltPhase {
  readonly build: number;
  readonly output: string | null;
  readonly bytes: number;
  readonly files: readonly DeployFile[];
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** A `tara.*` key of a built file that holds JSON; undefined where there is none. */
async function embedded(path: string | null, key: string): Promise<unknown> {
  if (path === null) return undefined;
  try {
    const text = metadataOf(await readGguf(path)).string(`tara.${key}`);
    return text === undefined ? undefined : JSON.parse(text) as unknown;
  } catch {
    // A file that cannot be read is the smoke test's to tell.
    return undefined;
  }
}

/** The last good build of a phase. Throws TARA_PHASE_NOT_FOUND, TARA_PHASE_NOT_BUILT. */
export async function builtPhase(registry: RegistryAccess, phase: number): Promise<BuiltPhase> {
  const { build, domains } = await registry.with('read', (open) => ({ build: open.builds.needGood(phase), domains: open.domains.list(phase) }));
  const report = build.report ?? {};
  const merged = Array.isArray(report.domains) ? report.domains : domains.filter(({ status }) => status === 'complete').map(({ name }) => name);
  const routed = domains.filter(({ name }) => merged.includes(name)).map(({ name, quality }) => ({ name, quality }));
  const [router, emotion] = await Promise.all([embedded(build.output, 'router'), embedded(build.output, 'emotion')]);
  return {
    build: build.id, output: build.output, bytes: build.bytes ?? 0,
    files: build.files.map(({ path, role, domain }) => ({ path, role, ...(domain !== null && { domain }) })),
    metadata: {
      build: build.id, layout: build.layout, quantization: build.quantization, quality: build.quality, weights: report.weights ?? null, domains: routed,
      routing: report.routing ?? { domains: routed, ...(router !== undefined && { router }) },
      ...(emotion !== undefined && { emotion }),
    },
  };
}
