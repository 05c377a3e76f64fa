/** emotion train: a model from a user's own rows. */

import { readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { embedder, TaraError, type CommandContext, type CommandResult } from 'tara-gguf/plugin';
import { saveModel } from '../reading/files.js';
import { DEPTHS } from '../reading/vectors.js';
import { crisisRows, ownSource } from './own.js';
import { parseRows, type Source } from './rows.js';
import { train } from './train.js';

/** Fewer rows teach nothing. */
const LEAST_ROWS = 50;
const MOST_BYTES = 256 << 20;

async function sourceOf(path: string): Promise<Source> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new TaraError('TARA_FILE_NOT_FOUND', { path });
  if (!found.isFile() || found.size > MOST_BYTES) throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: found.isFile() ? `longer than ${MOST_BYTES} bytes` : 'it is no file' });
  const rows = parseRows(await readFile(path, 'utf8'), path);
  if (rows.length < LEAST_ROWS) throw new TaraError('TARA_CONFIG_INVALID', { path, reason: `it has ${rows.length} rows; at least ${LEAST_ROWS} are needed` });
  return { name: basename(path), expert: 0, weight: { labels: 1, gate: 1 }, rows };
}

export async function trainOwn({ options, use, signal, progress }: CommandContext): Promise<CommandResult> {
  const paths = Array.isArray(options.data) ? options.data.filter((path): path is string => typeof path === 'string') : [];
  if (paths.length === 0 || typeof options.output !== 'string') throw new TaraError('TARA_USAGE', { reason: "train needs '--data FILE' and '--output DIR'" });
  const folder = resolve(options.output);
  const sources = await Promise.all(paths.map((path) => sourceOf(resolve(path))));
  const count = sources.reduce((sum, { rows }) => sum + rows.length, 0);
  const head = options.embeddingModel !== undefined;
  if (options.dryRun === true) return { json: { rows: count, output: folder, head, dryRun: true }, text: `would train on ${count} rows and write ${folder}` };
  const vectors = head ? use(embedder) : undefined;
  const sink = progress('training');
  const model = await train({
    sources: [...sources, await ownSource()],
    crisis: await crisisRows(),
    embed: vectors === undefined ? undefined : (texts) => vectors.embed(texts, { depths: DEPTHS }),
    onProgress: (fraction, step) => sink.report(fraction, step),
    signal,
  });
  sink.done();
  const meta = await saveModel(folder, model);
  const files = ['weights.json', 'weights.bin', ...(meta.head === null ? [] : ['head.bin'])].map((name) => join(folder, name));
  return { json: { rows: count, output: folder, files, thresholds: model.reading.thresholds }, text: `${count} rows; wrote ${files.join(', ')}\nuse it by emotion.weights of tara.config` };
}
