/**
 * `--merge regmean`: rewrites the adapters' factors on the domains' calibration text (Jin et al. 2023, "Dataless Knowledge
 * Fusion by Merging Weights of Language Models"), so that their plain sum serves every domain. For each matrix the sum of
 * B_d A_d G_d (sum_e G_e)^-1 is the change that comes closest to each adapter's own on its own domain's inputs; G_d are
 * their second moments under the domain's own model. Only A changes: the ranks stay, and any merge can read the folders.
 */
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { linearFactors, prepareConversion, REWRITTEN } from '../../convert/index.js';
import { TaraError } from '../../errors.js';
import { readAdapter, readPart, writeSafetensors, type Adapter, type NewTensor, type SafetensorsTensor } from '../../formats/index.js';
import { Fusion, type FusionFactor } from '../../measure/index.js';
import { calibrationTokens, type MergeDomain } from './calibration.js';
import { withTrialModel, type TrialTools } from './trial-model.js';

export interface RewriteInput extends TrialTools {
  /** A checkpoint folder or a GGUF file. */
  readonly base: string;
  readonly domains: readonly MergeDomain[];
  /** Where the new folders go, one for each domain, and trial models lie for a while. It is made. */
  readonly workDir: string;
  readonly onProgress?: ((fraction: number, detail: string) => void) | undefined;
  /** Bytes that moments may take at once: with less, the texts are read more often. 512 MiB when omitted. */
  readonly memory?: number | undefined;
}

/** A domain's adapter as regmean merges it. */
export interface RewrittenAdapter {
  readonly dir: string;
  /** GGUF names of the tensors that it changes in a form that no text can speak for: they are merged as linear merges. */
  readonly asLinear: readonly string[];
}

/** What off-diagonal moments count: with little text the rest is noise (0.9 to 0.95 in the paper). */
const SHRINK = 0.95;
const MEMORY = 512 << 20;

/** A factor of a domain that is rewritten. */
interface Place {
  readonly target: string;
  readonly size: number;
  readonly a: SafetensorsTensor;
}

interface Subject extends MergeDomain {
  readonly adapter: Adapter;
  /** GGUF names of all tensors that it changes. */
  readonly changed: readonly string[];
  readonly places: readonly Place[];
}

/** The domain's adapter, and where its factors act. */
async function subjectOf(domain: MergeDomain, { base, pool, signal, workDir }: RewriteInput): Promise<Subject> {
  const input = { base, adapters: [{ dir: domain.dir, weight: 1 }], outputs: [{ id: 'plan', path: join(workDir, 'never-written.gguf'), type: 'f16' }] };
  const { plan } = await prepareConversion(input, { pool, signal, print: true });
  if (!plan) throw new TaraError('TARA_INTERNAL', { reason: 'no plan was made' });
  const adapter = await readAdapter(domain.dir, { signal });
  const byName = new Map(adapter.weights.tensors.map((tensor) => [tensor.name, tensor]));
  const places = linearFactors(plan).flatMap(({ target, a, size }): Place[] => {
    const tensor = byName.get(a);
    return tensor && tensor.shape[1] === size ? [{ target, size, a: tensor }] : [];
  });
  const changed = plan.tensors.filter(({ steps }) => steps.some(({ op }) => op === 'delta')).map(({ name }) => name);
  return { ...domain, adapter, changed, places };
}

/** The matrices that the adapters change, in parts whose moments fit into the memory. Throws TARA_OUT_OF_MEMORY for one that never does. */
function parts(subjects: readonly Subject[], memory: number): { tensor: string; size: number }[][] {
  const sizes = new Map(subjects.flatMap(({ places }) => places.map(({ target, size }) => [target, size] as const)));
  const lists: { tensor: string; size: number }[][] = [];
  let taken = Infinity;
  for (const [tensor, size] of sizes) {
    const bytes = 2 * size * (size + 1);
    if (bytes > memory) {
      throw new TaraError('TARA_OUT_OF_MEMORY', { reason: `the moments of ${tensor} take ${Math.ceil(bytes / 2 ** 20)} MiB, regmean has ${Math.floor(memory / 2 ** 20)} MiB` });
    }
    if (taken + bytes > memory) {
      lists.push([]);
      taken = 0;
    }
    lists.at(-1)?.push({ tensor, size });
    taken += bytes;
  }
  return lists;
}

const factorOf = async ({ weights: { path } }: Adapter, { a }: Place, matrix: number): Promise<FusionFactor> =>
  ({ matrix, rank: a.shape[0] ?? 0, dtype: a.dtype, bytes: await readPart(path, a.offset, a.bytes) });

/** The adapter's folder again, with new factors by their tensors' names. */
async function writeAdapter({ adapter: { dir, weights } }: Subject, folder: string, factors: ReadonlyMap<string, Float32Array>, signal: AbortSignal | undefined): Promise<void> {
  await mkdir(folder, { recursive: true });
  await copyFile(join(dir, 'adapter_config.json'), join(folder, 'adapter_config.json'));
  const tensors = weights.tensors.map(({ name, dtype, shape, offset, bytes }): NewTensor => {
    const a = factors.get(name);
    return a === undefined
      ? { name, dtype, shape, data: { path: weights.path, offset, bytes } }
      : { name, dtype: 'F32', shape, data: new Uint8Array(a.buffer, a.byteOffset, a.byteLength) };
  });
  const names = JSON.stringify(Object.fromEntries([...factors.keys()].map((name) => [name, 1])));
  await writeSafetensors(join(folder, basename(weights.path)), tensors, { metadata: { format: 'pt', [REWRITTEN]: names }, signal });
}

/**
 * New adapters by domain, for a merge by `regmean`; factors that no text can speak for (DoRA, embeddings, tensors
 * trained whole) are left as they are. Deterministic, in whatever order the domains are given and with any number of threads.
 * Each domain's own model is built and reads its text once, more often where the moments do not fit at once. Rejects with
 * TARA_ABORTED, TARA_CONFIG_INVALID, TARA_OUT_OF_MEMORY and what convert and load reject with; no file is left then.
 */
export async function rewriteAdapters(input: RewriteInput): Promise<Map<string, RewrittenAdapter>> {
  const { base, workDir, threads, signal, onProgress, memory = MEMORY } = input;
  const domains = [...input.domains].sort((a, b) => (a.name < b.name ? -1 : 1));
  await mkdir(workDir, { recursive: true });
  try {
    const subjects: Subject[] = [];
    for (const domain of domains) subjects.push(await subjectOf(domain, input));
    const lists = parts(subjects, memory);
    const rewritten = subjects.map(() => new Map<string, Float32Array>());
    const steps = lists.length * (subjects.length + 1);
    for (const [part, matrices] of lists.entries()) {
      const tell = (step: number, detail: string) => (fraction: number): void => onProgress?.((part * (subjects.length + 1) + step + fraction) / steps, detail);
      using fusion = new Fusion(matrices, subjects.length, memory);
      const indexOf = new Map(matrices.map(({ tensor }, index) => [tensor, index]));
      for (const [index, subject] of subjects.entries()) {
        const { name, dir, adapter, places } = subject;
        const here = places.flatMap((place) => {
          const matrix = indexOf.get(place.target);
          return matrix === undefined ? [] : [{ place, matrix }];
        });
        const onTokens = tell(index, `inputs of ${name}`);
        onTokens(0);
        const factors: FusionFactor[] = [];
        for (const { place, matrix } of here) factors.push(await factorOf(adapter, place, matrix));
        await withTrialModel({ base, adapters: [{ dir, weight: 1 }], path: join(workDir, 'own.gguf') }, input, async (model) => {
          const sequences = await calibrationTokens(model, subject, signal);
          await fusion.observe(model, { domain: index, weight: 1, sequences, factors }, { signal, onProgress: onTokens });
        });
      }
      const solved = await fusion.solve(SHRINK, { threads, signal, onProgress: tell(subjects.length, 'new factors') });
      const unseen = new Set(solved.unseen);
      for (const { matrix, domain, a } of solved.factors) {
        const target = matrices[matrix]?.tensor ?? '';
        const place = subjects[domain]?.places.find((one) => one.target === target);
        if (place && !unseen.has(target)) rewritten[domain]?.set(place.a.name, a);
      }
    }
    const adapters = new Map<string, RewrittenAdapter>();
    for (const [index, subject] of subjects.entries()) {
      const dir = join(workDir, subject.name);
      const factors = rewritten[index] ?? new Map<string, Float32Array>();
      await writeAdapter(subject, dir, factors, signal);
      const targets = new Set(subject.places.filter(({ a }) => factors.has(a.name)).map(({ target }) => target));
      adapters.set(subject.name, { dir, asLinear: subject.changed.filter((name) => !targets.has(name)) });
    }
    return adapters;
  } catch (thrown) {
    await rm(workDir, { recursive: true, force: true });
    throw thrown;
  }
}
