/** route [TEXT] [--file F] [--explain]: which domain answers, one decision a text. */

import { router, type CommandModule, type CommandResult, type RouteDecision, type Router, textsOf } from 'tara-gguf/plugin';
import type { Explained } from '../service.js';

const isExplained = (decision: RouteDecision): decision is Explained => 'explanations' in decision && 'rule' in decision;

/** The fields that --json promises; the rest only with --explain. */
const plain = ({ text, domain, confidence, scores, fallback, crisis }: RouteDecision): RouteDecision => ({ text, domain, confidence, scores, fallback, crisis });

/** One line, and with `explain` a table of every part. */
export function render(decision: RouteDecision, explain: boolean): string {
  const shown = decision.text.length > 80 ? `${decision.text.slice(0, 79).toWellFormed()}…` : decision.text;
  const head = `${decision.domain.padEnd(12)} ${decision.confidence.toFixed(2)}  ${shown}${decision.crisis.level === 'none' ? '' : `  [crisis: ${decision.crisis.level}]`}`;
  if (!explain) return head;
  const rows = Object.entries(decision.scores).map(([name, score]) => {
    const why = isExplained(decision) ? decision.explanations[name] : undefined;
    const because = [why?.keywords.length ? `keywords ${why.keywords.join(', ')}` : '', why?.nearest == null ? '' : `near "${why.nearest}"`, why?.points ? `hook ${why.points.toFixed(2)}` : ''].filter((part) => part !== '').join('; ');
    return `  ${name.padEnd(14)}${[score.total, score.content, score.emotion, score.speed, score.quality].map((value) => value.toFixed(2).padStart(8)).join('')}  ${because}`.trimEnd();
  });
  const foot = isExplained(decision)
    ? [`  rule ${decision.rule}, fallback ${decision.fallback ?? 'none'}, weights ${Object.entries(decision.weights).map(([part, weight]) => `${part} ${weight.toFixed(2)}`).join(' ')}, ${decision.milliseconds.toFixed(2)} ms`, ...Object.entries(decision.excluded).map(([name, rule]) => `  left out: ${name} (${rule})`)]
    : [];
  return [head, `  ${'domain'.padEnd(14)}${['total', 'content', 'emotion', 'speed', 'quality'].map((name) => name.padStart(8)).join('')}`, ...rows, ...foot].join('\n');
}

async function* decisionsOf(service: Router, texts: AsyncIterable<string>): AsyncGenerator<RouteDecision, undefined> {
  for await (const text of texts) yield await service.route(text);
  return undefined;
}

async function* chain<T, U>(first: T, rest: AsyncIterable<T>, map: (item: T) => U): AsyncGenerator<U> {
  yield map(first);
  for await (const item of rest) yield map(item);
}

async function* empty(): AsyncGenerator<never> {}

const command: CommandModule = {
  describe(cli) {
    cli
      .argument('[text...]', 'the text')
      .option('--file <file>', 'one text a line, `-` for standard input; what follows a TAB is left out')
      .option('--embedding-model <gguf>', 'a sentence-embedding model to read with (default: embeddingModel of tara.config)')
      .option('--explain', 'show every part of every score')
      .addHelpText('after', '\nExamples:\n  tara-gguf route "my chest hurts and I cannot breathe"\n  tara-gguf route --explain "why is my query slow?"\n  cut -f1 questions.tsv | tara-gguf route --file - --json');
  },
  async run(context): Promise<CommandResult> {
    const explain = context.options.explain === true;
    const shape = (decision: RouteDecision): RouteDecision => (explain ? decision : plain(decision));
    const decisions = decisionsOf(context.use(router), textsOf(context));
    // The first is decided at once, so that a wrong path fails before any output.
    const first = await decisions.next();
    if (first.done === true) return { json: empty(), text: '' };
    if (context.options.file === undefined) return { json: shape(first.value), text: render(first.value, explain) };
    if (context.options.json === true) return { json: chain(first.value, decisions, shape), text: '' };
    const rendered = [render(first.value, explain)];
    for await (const decision of decisions) rendered.push(render(decision, explain));
    return { json: null, text: rendered.join(explain ? '\n\n' : '\n') };
  },
};

export default command;
