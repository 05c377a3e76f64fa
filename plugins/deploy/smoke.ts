/** The smoke test: every model of a release is loaded and says one token, and golden queries go to their domains. */
import { join } from 'node:path';
import { createTaraEngine, servedIn, type Engine, type ServedFile } from 'tara-gguf';
import { TaraError, type DeployedFile, type Router, type SmokeResult } from 'tara-gguf/plugin';
import { goldenQueries, type GoldenQuery } from './golden.js';

const PROMPT = 'Hello';
const CONTEXT = 128;

export interface SmokeInput {
  readonly folder: string;
  readonly files: readonly DeployedFile[];
  /** All domains that the target answers for once this release is current. */
  readonly domains: readonly string[];
  readonly router: Router | undefined;
  readonly golden: readonly GoldenQuery[];
  readonly signal?: AbortSignal | undefined;
  onFile?(path: string, fraction: number): void;
}

const failed = (reason: string, cause?: unknown): TaraError => new TaraError('TARA_SMOKE_TEST', { reason }, { cause });

/** Golden queries that went elsewhere; the number asked. Throws TARA_SMOKE_TEST when the router fails. */
export async function routeGolden(router: Router, domains: readonly string[], golden: readonly GoldenQuery[]): Promise<{ readonly asked: number; readonly wrong: readonly (GoldenQuery & { readonly went: string })[] }> {
  const queries = goldenQueries(domains, golden);
  const wrong: (GoldenQuery & { went: string })[] = [];
  for (const query of queries) {
    const { domain } = await router.route(query.text, { candidates: domains.map((name) => ({ name })) }).catch((thrown: unknown) => {
      throw failed(`the router failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`, thrown);
    });
    if (domain !== query.domain) wrong.push({ ...query, went: domain });
  }
  return { asked: queries.length, wrong };
}

/** Loads a model with the adapters that go with it and asks for one token of each of them. */
async function ask(engine: Engine, { folder, files, signal, onFile }: SmokeInput, file: DeployedFile): Promise<SmokeResult> {
  const at = (path: string) => join(folder, ...path.split('/'));
  const all: ServedFile[] = files.map(({ path, role, domain }) => ({ path: at(path), role, domain }));
  // Adapters belong to the model that serves all domains.
  const adapters = servedIn(all, '')?.path === at(file.path) ? servedIn(all, '')?.adapters ?? {} : {};
  const started = performance.now();
  try {
    const model = await engine.load(at(file.path), { slots: 1, contextSize: CONTEXT, adapters, onProgress: (fraction) => onFile?.(file.path, fraction * 0.9), signal });
    const loadMs = performance.now() - started;
    try {
      if (!model.info.generates) throw failed(`${file.path} cannot generate`);
      let firstTokenMs = 0;
      for (const use of [{}, ...Object.keys(adapters).map((name) => ({ [name]: 1 }))]) {
        const asked = performance.now();
        const { usage } = await model.generate(PROMPT, { maxTokens: 1, temperature: 0, adapters: use, signal }).result;
        if (usage.completionTokens > 1) throw failed(`${file.path} did not stop after one token`);
        if (firstTokenMs === 0) firstTokenMs = performance.now() - asked;
      }
      onFile?.(file.path, 1);
      return { path: file.path, loadMs, firstTokenMs };
    } finally {
      await model.dispose();
    }
  } catch (thrown) {
    if (thrown instanceof TaraError && ['TARA_ABORTED', 'TARA_SMOKE_TEST', 'TARA_NATIVE_LOAD'].includes(thrown.code)) throw thrown;
    throw failed(`${file.path}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, thrown);
  }
}

/** One result a model. Throws TARA_SMOKE_TEST, TARA_ABORTED, TARA_NATIVE_LOAD. */
export async function smokeTest(input: SmokeInput): Promise<readonly SmokeResult[]> {
  const results: SmokeResult[] = [];
  await using engine = createTaraEngine();
  // One at a time: together they may not fit in memory.
  for (const file of input.files.filter(({ role }) => role === 'model')) results.push(await ask(engine, input, file));
  if (input.router !== undefined) {
    const [first] = (await routeGolden(input.router, input.domains, input.golden)).wrong;
    if (first) throw failed(`"${first.text}" is routed to ${first.went}, not to ${first.domain}`);
  }
  return results;
}
