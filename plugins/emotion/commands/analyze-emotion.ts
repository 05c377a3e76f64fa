/** analyze-emotion [TEXT] [--file F]: one analysis a text. */

import { EMOTIONS, emotion, type CommandModule, type CommandResult, type Emotion, type EmotionAnalysis, textsOf } from 'tara-gguf/plugin';

const BAR = 24;

/** Bars for a terminal; the text itself is shortened. */
export function render(analysis: EmotionAnalysis): string {
  const bars = [...EMOTIONS]
    .sort((a, b) => analysis.emotions[b] - analysis.emotions[a])
    .map((name) => `  ${name.padEnd(12)} ${'█'.repeat(Math.round(analysis.emotions[name] * BAR)).padEnd(BAR)} ${analysis.emotions[name].toFixed(2)}${analysis.labels.includes(name) ? ' *' : ''}`);
  const unknown = 'uncertain' in analysis && analysis.uncertain === true ? ' (uncertain: no English words)' : '';
  return [
    analysis.text.length > 100 ? `${analysis.text.slice(0, 99).toWellFormed()}…` : analysis.text,
    `  dominant ${analysis.dominant}${unknown}, intensity ${analysis.intensity.toFixed(2)}, valence ${analysis.valence.toFixed(2)}, crisis ${analysis.crisis.level}${analysis.crisis.reasons.length > 0 ? ` (${analysis.crisis.reasons.join(', ')})` : ''}`,
    ...bars,
  ].join('\n');
}

async function* analysesOf(reader: Emotion, texts: AsyncIterable<string>): AsyncGenerator<EmotionAnalysis, undefined> {
  for await (const text of texts) yield await reader.analyze(text);
  return undefined;
}

async function* chain<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

async function* empty(): AsyncGenerator<never> {}

const command: CommandModule = {
  describe(cli) {
    cli
      .argument('[text...]', 'the text')
      .option('--file <file>', 'one text a line, `-` for standard input; what follows a TAB is left out')
      .option('--embedding-model <gguf>', 'a sentence-embedding model to read with (default: embeddingModel of tara.config)')
      .addHelpText('after', '\nExamples:\n  tara-gguf analyze-emotion "I am so glad you called"\n  cut -f1 messages.tsv | tara-gguf analyze-emotion --file - --json');
  },
  async run(context): Promise<CommandResult> {
    const reader = context.use(emotion);
    const analyses = analysesOf(reader, textsOf(context));
    // Many texts are written as they are read; the first is read at once, so that a wrong path fails before any output.
    const first = await analyses.next();
    if (first.done === true) return { json: empty(), text: '' };
    if (context.options.file === undefined) return { json: first.value, text: render(first.value) };
    if (context.options.json === true) return { json: chain(first.value, analyses), text: '' };
    const rendered = [render(first.value)];
    for await (const analysis of analyses) rendered.push(render(analysis));
    return { json: null, text: rendered.join('\n\n') };
  },
};

export default command;
