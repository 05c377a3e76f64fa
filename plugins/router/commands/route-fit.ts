/** route-fit --data FILE: fits weights, thresholds and confidence on one half of labelled texts, and reports before and after on the other. */

import { join } from 'node:path';
import { stateFolder, TaraError, type CommandContext, type CommandModule, type CommandResult, type Embedder } from 'tara-gguf/plugin';
import type { RouterConfig } from '../config.js';
import { answerOf, fit, type Fitted, type Labelled } from '../fit/fit.js';
import { halves } from '../fit/halves.js';
import { calibrated } from '../fit/isotonic.js';
import { readLabelled, type LabelledLine } from '../fit/labelled-file.js';
import { measure, type Judged, type Measured } from '../fit/measure.js';
import { signalsOf } from '../score/content.js';
import { readFits, type Reading } from '../score/fitted.js';
import { SHIPPED } from '../score/shipped.js';
import { fitPath } from '../service.js';
import { replaceFile } from '../state/files.js';
import { ownDomainsPath, readOwnDomains } from '../state/own-domains.js';
import { embedTable } from '../table/embedded.js';
import { createTable, type Table } from '../table/table.js';
import { knownDomains } from '../table/tables.js';
import { excerptOf } from '../text/excerpt.js';
import { wordsOf } from '../text/words.js';
import { findEmbedder } from './embedding.js';

const FEWEST = 20;
const ERRORS_SHOWN = 20;
const BATCH = 32;

/** What a router with this table sees of the texts. */
async function see(context: CommandContext, table: Table, lines: readonly LabelledLine[], found: Embedder | undefined): Promise<Labelled[]> {
  const progress = context.progress('reading texts');
  const folder = join(context.use(stateFolder).path, 'cache', 'router');
  const vectors = found === undefined ? undefined : await embedTable(table, { embedder: found, folder, onUnkept: () => {} });
  const domainOf = (name: string) => table.index.get(name) ?? table.domains.length - 1;
  const rows: Labelled[] = [];
  for (let at = 0; at < lines.length; at += BATCH) {
    context.signal.throwIfAborted();
    const batch = lines.slice(at, at + BATCH);
    const embedded = await found?.embed(batch.map(({ text }) => excerptOf(text)));
    batch.forEach(({ text, right, group }, i) => {
      const words = wordsOf(text);
      const vector = embedded?.[i];
      const nearest = vectors !== undefined && vector !== undefined ? vectors.nearest(vector) : table.examples.nearest(words);
      rows.push({ text, group, right: right.map(domainOf), signals: signalsOf(table.keywords.match(words), nearest, words.length, table.bare) });
    });
    progress.report((at + batch.length) / lines.length);
  }
  progress.done();
  return rows;
}

const judge = (rows: readonly Labelled[], table: Table, { model, calibration }: Fitted): Judged[] =>
  rows.map((row) => {
    const { domain, probability } = answerOf(row, model);
    const name = (at: number) => table.domains[at]?.name ?? 'none';
    return { text: row.text, domain: name(domain), confidence: calibrated(calibration, probability), right: row.right.map(name) };
  });

const line = (label: string, { accuracy, noneF1, calibrationError, texts }: Measured): string =>
  `${label.padEnd(22)} right ${(100 * accuracy).toFixed(1)} % of ${texts}, "none" F1 ${noneF1 === null ? '-' : noneF1.toFixed(2)}, calibration error ${calibrationError.toFixed(3)}`;

const command: CommandModule = {
  describe(cli) {
    cli
      .requiredOption('--data <tsv>', 'labelled texts: text TAB domain, and alternates or a source')
      .option('--embedding-model <gguf>', 'fit what is read by this sentence-embedding model (default: embeddingModel of tara.config; else what is read by words)')
      .option('--all', 'fit on all texts; nothing is left to report on')
      .option('--dry-run', 'report, write nothing')
      .addHelpText('after', '\nExamples:\n  tara-gguf route-fit --data labelled.tsv\n  tara-gguf route-fit --data labelled.tsv --embedding-model minilm.gguf --dry-run --json');
  },
  async run(context): Promise<CommandResult> {
    const home = context.use(stateFolder).path;
    const table = createTable([...knownDomains(context.config as RouterConfig, await readOwnDomains(ownDomainsPath(home))).values()]);
    const data = String(context.options.data);
    const lines = await readLabelled(data, new Set([...table.index.keys(), 'none']));
    if (lines.length < FEWEST) throw new TaraError('TARA_CONFIG_INVALID', { path: data, reason: `${lines.length} labelled texts; ${FEWEST} is the least that can be fitted to` });
    const found = findEmbedder(context);
    const reading: Reading = found === undefined ? 'ngrams' : 'embedding';
    const path = fitPath(home);
    const stored = await readFits(path).catch((thrown: unknown) => {
      if (thrown instanceof TaraError && thrown.code === 'TARA_FILE_NOT_FOUND') return SHIPPED;
      throw thrown;
    });
    const rows = await see(context, table, lines, found);
    const split = halves(rows);
    const chosenBy = context.options.all === true ? rows : split.chosenBy;
    const reportedOn = context.options.all === true ? rows : split.reportedOn;
    const fitted = fit(chosenBy, SHIPPED[reading].model);
    const [before, after] = [stored[reading], fitted].map((some) => judge(reportedOn, table, some)) as [Judged[], Judged[]];
    const wrong = after.filter(({ domain, right }) => !right.includes(domain)).sort((a, b) => b.confidence - a.confidence);
    const written = context.options.dryRun !== true;
    if (written) await replaceFile(path, `${JSON.stringify({ format: 1, ...stored, [reading]: fitted }, null, 2)}\n`);
    const report = { reading, fittedOn: chosenBy.length, reportedOn: reportedOn.length, before: measure(before), after: measure(after), fitted };
    const text = [
      `fitted on ${chosenBy.length} texts, reported on ${context.options.all === true ? 'the same' : `${reportedOn.length} others`}, read by ${reading === 'embedding' ? 'sentence embeddings' : 'words'}`,
      line('before', report.before), line('after', report.after),
      ...(wrong.length > 0 ? [`wrong, the surest first (${Math.min(ERRORS_SHOWN, wrong.length)} of ${wrong.length}):`] : []),
      ...wrong.slice(0, ERRORS_SHOWN).map(({ domain, confidence, right, text: said }) => `  ${confidence.toFixed(2)} ${domain}, right: ${right.join(' or ')}  ${said.length > 80 ? `${said.slice(0, 79).toWellFormed()}…` : said}`),
      written ? `written to ${path}` : 'nothing written',
    ].join('\n');
    return { json: { ...report, errors: wrong, path: written ? path : null }, text };
  },
};

export default command;
