/** route [TEXT] [--file F] [--explain]: which domain answers, one decision a text. */

import { router, type CommandContext, type CommandModule, type CommandResult, type RouteDecision, type RouteOptions, type Router, textsOf } from 'tara-gguf/plugin';
import type { Explained } from '../explained.js';
import type { RouterService } from '../service.js';
import { findEmbedder } from './embedding.js';

const isExplained = (decision: RouteDecision): decision is Explained => 'explanations' in decision && 'rule' in decision;

/** The fields that --json promises; the rest only with --explain. */
const plain = ({ text, domain, confidence, scores, fallback, crisis }: RouteDecision): RouteDecision => ({ text, domain, confidence, scores, fallback, crisis });

type Stats = ReturnType<RouterService['stats']>;

const hitsOf = ({ hits, misses }: Stats['decisions']): string => `${hits} of ${hits + misses}`;

/** One line, and with `explain` a table of every part. */
export function render(decision: RouteDecision, explain: boolean, stats?: Stats): string {
  const shown = decision.text.length > 80 ? `${decision.text.slice(0, 79).toWellFormed()}…` : decision.text;
  const head = `${decision.domain.padEnd(12)} ${decision.confidence.toFixed(2)}  ${shown}${decision.crisis.level === 'none' ? '' : `  [crisis: ${decision.crisis.level}]`}`;
  if (!explain) return head;
  const rows = Object.entries(decision.scores).map(([name, score]) => {
    const why = isExplained(decision) ? decision.explanations[name] : undefined;
    const because = [why?.keywords.length ? `keywords ${why.keywords.join(', ')}` : '', why?.nearest == null ? '' : `near "${why.nearest}"`, why?.points ? `hook ${why.points.toFixed(2)}` : '', why?.custom == null ? '' : `custom ${why.custom.toFixed(2)}`, why?.affinity ? `asked before ${why.affinity.toFixed(2)}` : ''].filter((part) => part !== '').join('; ');
    return `  ${name.padEnd(14)}${[score.total, score.content, score.emotion, score.speed, score.quality].map((value) => value.toFixed(2).padStart(8)).join('')}  ${because}`.trimEnd();
  });
  const foot = isExplained(decision)
    ? [
        `  ${'none'.padEnd(14)}${''.padStart(8)}${decision.none.toFixed(2).padStart(8)}`,
        `  rule ${decision.rule}, fallback ${decision.fallback ?? 'none'}, weights ${Object.entries(decision.weights).map(([part, weight]) => `${part} ${weight.toFixed(2)}`).join(' ')}`,
        `  read by ${decision.reading === 'embedding' ? 'sentence embeddings' : 'words'}, complexity ${decision.query.complexity.toFixed(2)}, urgency ${decision.query.urgency.toFixed(2)}, ${decision.query.contextTokens} tokens of context, cache ${decision.cache}, ${decision.milliseconds.toFixed(2)} ms`,
        ...(stats === undefined ? [] : [`  caches hit so far: decisions ${hitsOf(stats.decisions)}, emotions ${hitsOf(stats.emotions)}`]),
        ...(decision.customFailure === null ? [] : [`  the custom scoring function was left out: ${decision.customFailure}`]),
        ...Object.entries(decision.excluded).map(([name, rule]) => `  left out: ${name} (${rule})`),
      ]
    : [];
  return [head, `  ${'domain'.padEnd(14)}${['total', 'content', 'emotion', 'speed', 'quality'].map((name) => name.padStart(8)).join('')}`, ...rows, ...foot].join('\n');
}

/** Texts that are decided at once, where they come from a file. */
const BATCH = 256;

async function* decisionsOf(service: Router & Partial<Pick<RouterService, 'routeBatch'>>, { signal, options: { file, user } }: CommandContext, texts: AsyncIterable<string>): AsyncGenerator<RouteDecision, undefined> {
  const options: RouteOptions = typeof user === 'string' ? { userId: user } : {};
  // Whoever writes lines may wait for each answer; and what a user asks depends on what was asked before.
  const most = typeof file !== 'string' || file === '-' || typeof user === 'string' || service.routeBatch === undefined ? 1 : BATCH;
  let batch: string[] = [];
  const decide = async () => {
    const now = batch;
    batch = [];
    return now.length > 1 && service.routeBatch !== undefined ? service.routeBatch(now, options, signal) : Promise.all(now.map((text) => service.route(text, options)));
  };
  for await (const text of texts) {
    batch.push(text);
    if (batch.length >= most) yield* await decide();
  }
  yield* await decide();
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
      .option('--user <id>', 'whose history counts')
      .option('--explain', 'show every part of every score')
      .addHelpText('after', '\nExamples:\n  tara-gguf route "my chest hurts and I cannot breathe"\n  tara-gguf route --explain "why is my query slow?"\n  cut -f1 questions.tsv | tara-gguf route --file - --json');
  },
  async run(context): Promise<CommandResult> {
    const explain = context.options.explain === true;
    const service = context.use(router) as Router & Partial<RouterService>;
    const shape = (decision: RouteDecision) => (explain ? { ...decision, caches: service.stats?.() } : plain(decision));
    // The router would go on by words alone; whoever named a model wants to hear that it cannot be used.
    await findEmbedder(context)?.dimensions();
    const decisions = decisionsOf(service, context, textsOf(context));
    // The first is decided at once, so that a wrong path fails before any output.
    const first = await decisions.next();
    if (first.done === true) return { json: empty(), text: '' };
    if (context.options.file === undefined) return { json: shape(first.value), text: render(first.value, explain, service.stats?.()) };
    if (context.options.json === true) return { json: chain(first.value, decisions, shape), text: '' };
    const rendered = [render(first.value, explain, service.stats?.())];
    for await (const decision of decisions) rendered.push(render(decision, explain, service.stats?.()));
    return { json: null, text: rendered.join(explain ? '\n\n' : '\n') };
  },
};

export default command;
