/** serve: an OpenAI-compatible server over a GGUF file or a deployment target. */
import { readFile } from 'node:fs/promises';
import { TaraError } from '../../errors.js';
import type { TaraServer } from '../../server/index.js';
import type { CoreCommand, CoreContext } from '../context.js';
import { parseCount, parseSize } from '../format.js';
import { collect, examples, flagOption, listOption, textOption } from '../options.js';
import { existing } from '../paths.js';

/** Keys given one by one, or in a file with one a line. */
async function keysOf(context: CoreContext): Promise<string[]> {
  const path = textOption(context.options, 'apiKeyFile');
  const lines = path === undefined ? [] : (await readFile(await existing(context.path(path), 'file'), 'utf8')).split('\n').map((line) => line.trim()).filter((line) => line !== '');
  const fromEnv = context.env.TARA_API_KEY;
  const keys = [...listOption(context.options, 'apiKey'), ...lines, ...(fromEnv ? [fromEnv] : [])];
  if (path !== undefined && keys.length === 0) throw new TaraError('TARA_OPTION_INVALID', { option: '--api-key-file', reason: 'there is no key in it' });
  return keys;
}

function servedPath(context: CoreContext): string {
  const [model, target] = [textOption(context.options, 'model'), textOption(context.options, 'target')];
  if ((model === undefined) === (target === undefined)) throw new TaraError('TARA_USAGE', { reason: 'give --model FILE or --target DIR' });
  return context.path(model ?? target ?? '');
}

async function serverOptions(context: CoreContext) {
  const count = (name: string, flag: string, least: number, most: number): number | undefined => {
    const text = textOption(context.options, name);
    return text === undefined ? undefined : parseCount(flag, text, least, most);
  };
  const size = (name: string, flag: string): number | undefined => {
    const text = textOption(context.options, name);
    return text === undefined ? undefined : parseSize(flag, text, 'B');
  };
  const path = servedPath(context);
  await existing(path, context.options.target === undefined ? 'file' : 'folder');
  const embeddingModel = textOption(context.options, 'embeddingModel');
  const requests = count('rateLimit', '--rate-limit', 1, 1_000_000_000);
  const drain = count('drain', '--drain', 0, 86_400);
  return {
    path,
    embeddingModel: embeddingModel === undefined ? undefined : await existing(context.path(embeddingModel), 'file'),
    aliases: listOption(context.options, 'alias'),
    host: textOption(context.options, 'host'),
    port: count('port', '--port', 0, 65_535),
    load: { slots: count('slots', '--slots', 1, 64), threads: count('threads', '--threads', 1, 1024), contextSize: count('context', '--context', 8, 10_000_000), maxQueued: count('maxQueued', '--max-queued', 0, 1_000_000), deterministic: flagOption(context.options, 'deterministic') },
    replicas: count('replicas', '--replicas', 1, 64),
    memory: size('memory', '--memory'),
    apiKeys: await keysOf(context),
    rateLimit: requests === undefined ? undefined : { requests, seconds: 60 },
    bodyLimit: size('bodyLimit', '--body-limit'),
    corsOrigins: listOption(context.options, 'corsOrigin'),
    drainMs: drain === undefined ? undefined : drain * 1000,
  };
}

/** Until somebody stops the command; then requests under way end first. */
async function untilStopped(context: CoreContext, server: TaraServer): Promise<void> {
  if (!context.signal.aborted) await new Promise((resolve) => { context.signal.addEventListener('abort', resolve, { once: true }); });
  context.note('ending: requests under way are answered first');
  await server.close();
}

const command: CoreCommand = {
  describe(command) {
    command
      .option('--model <gguf>', 'GGUF file to answer from')
      .option('--target <dir>', 'folder that phases were deployed to; a new release is switched to without losing a request')
      .option('--embedding-model <gguf>', 'sentence-embedding model, for /v1/embeddings and for emotion and router')
      .option('--alias <name>', 'a further name of the model `default`; may be repeated', collect)
      .option('--host <address>', 'address to listen on', '127.0.0.1')
      .option('--port <number>', 'port; 0 takes a free one', '8080')
      .option('--slots <count>', 'requests decoded together', '4')
      .option('--replicas <count>', 'of each model, with slots of their own and shared weights; the less loaded one answers', '1')
      .option('--deterministic', 'decode every request by itself: the same answer whatever runs beside it, but slower with several at once')
      .option('--threads <count>', 'threads (default: all cores)')
      .option('--context <tokens>', 'context of each slot (default: 4096 or what the model was trained for)')
      .option('--max-queued <count>', 'requests that may wait for a slot (default: 1024)')
      .option('--memory <bytes>', 'what loaded models may take together: 4GB (default: no limit)')
      .option('--api-key <key>', 'a key that requests must carry; may be repeated (also: TARA_API_KEY)', collect)
      .option('--api-key-file <file>', 'keys, one a line')
      .option('--rate-limit <requests>', 'requests a minute for each key, or for each address without keys')
      .option('--body-limit <bytes>', 'longest request', '8MiB')
      .option('--cors-origin <origin>', 'a page that may ask from a browser, or *; may be repeated', collect)
      .option('--drain <seconds>', 'how long requests under way may take after SIGTERM or SIGINT', '30')
      .option('--log', 'a JSON line on stderr for each request; never what was asked or answered')
      .addHelpText('after', examples('serve --model model.gguf', 'serve --target deploy --port 8080 --slots 8 --api-key-file keys.txt', 'serve --model model.gguf --embedding-model minilm.gguf --alias gpt-4o-mini'));
  },
  async run(context) {
    const options = await serverOptions(context);
    const [{ createServer }, { pino }, plugins] = await Promise.all([import('../../server/index.js'), import('pino'), context.plugins()]);
    const logger = flagOption(context.options, 'log') ? pino(pino.destination({ dest: 2, sync: true })) : undefined;
    const server = await createServer({ ...options, plugins, logger });
    const started = { url: server.url, model: options.path };
    if (context.json) {
      return { json: (async function* () {
        yield started;
        await untilStopped(context, server);
      })(), text: '' };
    }
    await context.print(`listening on ${server.url}\n`);
    await untilStopped(context, server);
    return { json: started, text: '' };
  },
};

export default command;
