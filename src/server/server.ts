/** The server by itself: the plugin in a Fastify app of its own, on one port. */
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { TaraError } from '../errors.js';
import { DEFAULTS, type ServerOptions } from './options.js';
import { answerError, notFound, taraServer, type PluginOptions } from './plugin.js';
import { ENDPOINTS } from './routes/index.js';

export interface TaraServer extends AsyncDisposable {
  /** Where it listens: `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly app: FastifyInstance;
  /** Takes no new requests, waits for those under way for `drainMs` at most, and frees the models; the same promise every time. */
  close(): Promise<void>;
}

export type CreateServerOptions = ServerOptions & Pick<PluginOptions, 'plugins'>;

/** Opens the models and listens. Rejects as engine.load does, and with TARA_LISTEN. */
export async function createServer(options: CreateServerOptions): Promise<TaraServer> {
  const { host = DEFAULTS.host, port = DEFAULTS.port, bodyLimit = DEFAULTS.bodyLimit, logger } = options;
  const app = Fastify({
    bodyLimit, return503OnClosing: false,
    // A large model takes longer to load than Fastify would wait.
    pluginTimeout: 0,
    // A field that nobody knows is ignored, whatever its name.
    onProtoPoisoning: 'remove', onConstructorPoisoning: 'remove',
    frameworkErrors: (error: FastifyError, _request: FastifyRequest, reply: FastifyReply) => answerError(error, reply, bodyLimit),
    // Only after the requests under way were waited for.
    forceCloseConnections: true,
    ...(logger ? { loggerInstance: logger } : { logger: false }),
  }) as unknown as FastifyInstance;
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= app.close());
  try {
    const refuse = notFound(ENDPOINTS);
    app.setErrorHandler((error: FastifyError, _request, reply) => answerError(error, reply, bodyLimit));
    // Before a body is read that nobody asked for.
    app.addHook('onRequest', async (request, reply) => (request.is404 ? refuse(request, reply) : undefined));
    app.setNotFoundHandler(refuse);
    await app.register(taraServer, options);
    const url = await app.listen({ host, port }).catch((cause: NodeJS.ErrnoException) => {
      throw new TaraError('TARA_LISTEN', { host, port, reason: cause.code ?? cause.message }, { cause });
    });
    return { url, app, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
