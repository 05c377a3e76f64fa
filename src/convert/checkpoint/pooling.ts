/** How a sentence-transformers folder makes one vector of a text's tokens: modules.json and its pooling module. */
import { join, posix } from 'node:path';
import { TaraError } from '../../errors.js';
import { oneLine } from '../../formats/one-line.js';
import { isRecord, readObject, readText, type Json } from './files.js';

/** llama.cpp's numbers. */
const POOLING = { mean: 1, cls: 2, lasttoken: 3 } as const;

const MODULES = 'modules.json';

/** The folder of the pooling module, '' being the model's own. */
async function poolingFolder(dir: string): Promise<string | undefined> {
  const content = await readText(dir, MODULES);
  if (content === undefined) return undefined;
  const invalid = (reason: string, cause?: unknown): TaraError => new TaraError('TARA_CONFIG_INVALID', { path: join(dir, MODULES), reason }, { cause });
  let modules: unknown;
  try {
    modules = JSON.parse(content);
  } catch (thrown) {
    throw invalid('it is no JSON', thrown);
  }
  if (!Array.isArray(modules)) throw invalid('it holds no list of modules');
  const pooling = modules.find((module: unknown): module is Json => isRecord(module) && typeof module['type'] === 'string' && module['type'].endsWith('Pooling'));
  if (!pooling) return undefined;
  if (typeof pooling['path'] !== 'string') throw invalid('the pooling module has no path');
  return pooling['path'];
}

/** llama.cpp's number of the pooling that `dir` names; undefined where it names none. Throws TARA_CONFIG_INVALID. */
export async function poolingOf(dir: string): Promise<number | undefined> {
  const folder = await poolingFolder(dir);
  if (folder === undefined) return undefined;
  const name = posix.join(folder, 'config.json');
  const invalid = (reason: string): TaraError => new TaraError('TARA_CONFIG_INVALID', { path: oneLine(join(dir, name)), reason });
  const config = await readObject(dir, name);
  if (!config) throw invalid(`${MODULES} names it, and there is no such file`);
  const kinds = Object.keys(POOLING) as (keyof typeof POOLING)[];
  const flagged: Readonly<Record<keyof typeof POOLING, unknown>> = { mean: config['pooling_mode_mean_tokens'], cls: config['pooling_mode_cls_token'], lasttoken: config['pooling_mode_lasttoken'] };
  const kind = kinds.find((one) => flagged[one] === true) ?? kinds.find((one) => config['pooling_mode'] === one);
  if (kind === undefined) throw invalid('only mean, cls and lasttoken pooling can be converted');
  return POOLING[kind];
}
