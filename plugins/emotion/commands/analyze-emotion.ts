/** analyze-emotion [TEXT] [--file F]: one analysis a text. */

import { EMOTIONS, embedder, emotion, type CommandContext, type CommandModule, type CommandResult, type Emotion, type EmotionAnalysis, textsOf } from 'tara-gguf/plugin';
import type { Influence } from '../reading/explain.js';
import type { EmotionService } from '../service.js';

type Explained = EmotionAnalysis & { readonly explanation?: readonly Influence[] };

const BAR = 24;
/** Texts that are read together, and how many such lots are under way. */
const LOT = 256;
const LOTS = 6;

/** Bars for a terminal; the text itself is shortened. */
export function render(analysis: Explained): string {
  const bars = [...EMOTIONS]
    .sort((a, b) => analysis.emotions[b] - analysis.emotions[a])
    .map((name) => `  ${name.padEnd(12)} ${'█'.repeat(Math.round(analysis.emotions[name] * BAR)).padEnd(BAR)} ${analysis.emotions[name].toFixed(2)}${analysis.labels.includes(name) ? ' *' : ''}`);
  const unknown = 'uncertain' in analysis && analysis.uncertain === true ? ' (uncertain: no English words)' : '';
  const { history, explanation } = analysis;
  return [
    analysis.text.length > 100 ? `${analysis.text.slice(0, 99).toWellFormed()}…` : analysis.text,
    `  dominant ${analysis.dominant}${unknown}, intensity ${analysis.intensity.toFixed(2)}, valence ${analysis.valence.toFixed(2)}, crisis ${analysis.crisis.level}${analysis.crisis.reasons.length > 0 ? ` (${analysis.crisis.reasons.join(', ')})` : ''}`,
    ...(history === undefined ? [] : [`  user: ${history.messages} messages, valence ${history.valence.toFixed(2)}, stability ${history.stability.toFixed(2)}, trend ${history.trend.toFixed(2)} a day`]),
    ...(explanation === undefined || explanation.length === 0 ? [] : [`  carried by ${explanation.map(({ word, weight }) => `${word} (${weight >= 0 ? '+' : ''}${weight.toFixed(2)})`).join(', ')}`]),
    ...bars,
  ].join('\n');
}

const readsMany = (reader: Emotion): reader is EmotionService => 'analyzeMany' in reader && 'explain' in reader;

/** Analyses in the order of the texts; several lots are read at once, so that all cores work. */
async function* analysesOf(reader: Emotion, texts: AsyncIterable<string>, signal: AbortSignal): AsyncGenerator<EmotionAnalysis, undefined> {
  const under: Promise<readonly EmotionAnalysis[]>[] = [];
  const begin = (lot: readonly string[]) => {
    const work = readsMany(reader) ? reader.analyzeMany(lot, { signal }) : Promise.all(lot.map((text) => reader.analyze(text)));
    work.catch(() => undefined);
    under.push(work);
  };
  let lot: string[] = [];
  for await (const text of texts) {
    lot.push(text);
    if (lot.length < LOT) continue;
    begin(lot);
    lot = [];
    if (under.length >= LOTS) yield* (await under.shift()) ?? [];
  }
  if (lot.length > 0) begin(lot);
  while (under.length > 0) yield* (await under.shift()) ?? [];
  return undefined;
}

async function* chain<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

async function* empty(): AsyncGenerator<never> {}

/** An embedding model that somebody named must be there; without one there is nothing to check. */
async function checkEmbedder(context: CommandContext): Promise<void> {
  if (context.options.embeddingModel !== undefined) await context.use(embedder).dimensions();
}

async function one(reader: Emotion, text: string, { user, explain }: CommandContext['options']): Promise<Explained> {
  const analysis = await reader.analyze(text, typeof user === 'string' ? { userId: user } : {});
  return explain === true && readsMany(reader) ? { ...analysis, explanation: await reader.explain(text) } : analysis;
}

const command: CommandModule = {
  describe(cli) {
    cli
      .argument('[text...]', 'the text')
      .option('--file <file>', 'one text a line, `-` for standard input; what follows a TAB is left out')
      .option('--user <id>', 'whose history the text joins (numbers only; `emotion history` shows it)')
      .option('--explain', 'show the words that carried the decision')
      .option('--embedding-model <gguf>', 'a sentence-embedding model to read with (default: embeddingModel of tara.config)')
      .addHelpText('after', '\nExamples:\n  tara-gguf analyze-emotion "I am so glad you called"\n  tara-gguf analyze-emotion --explain --user ann "not great, honestly"\n  cut -f1 messages.tsv | tara-gguf analyze-emotion --file - --json');
  },
  async run(context): Promise<CommandResult> {
    const reader = context.use(emotion);
    await checkEmbedder(context);
    const texts = textsOf(context);
    if (context.options.file === undefined) {
      for await (const text of texts) {
        const analysis = await one(reader, text, context.options);
        return { json: analysis, text: render(analysis) };
      }
    }
    const analyses = analysesOf(reader, texts, context.signal);
    // The first is read at once, so that a wrong path fails before any output; the rest are written as they are read.
    const first = await analyses.next();
    if (first.done === true) return { json: empty(), text: '' };
    if (context.options.json === true) return { json: chain(first.value, analyses), text: '' };
    const rendered = [render(first.value)];
    for await (const analysis of analyses) rendered.push(render(analysis));
    return { json: null, text: rendered.join('\n\n') };
  },
};

export default command;
