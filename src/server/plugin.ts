/** The server as a Fastify plugin: an app mounts it, with a prefix where it likes, beside its own routes. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TaraError } from '../errors.js';
import { addAccess } from './access.js';
import { addPage } from './dashboard/index.js';
import { checkedBody, type Endpoint } from './endpoint.js';
import { errorBody, requestError } from './errors.js';
import { DEFAULTS, type ServerOptions } from './options.js';
import { createRequests, type Requests } from './requests.js';
import { openService } from './open.js';
import type { ServerHost, Service } from './service.js';

export type PluginOptions = Omit<ServerOptions, 'host' | 'port' | 'logger'> & {
  /** A running host to take emotion, router and hooks from; one of its own, with tara.config's plugins, when omitted. */
  readonly plugins?: ServerHost | undefined;
};

/** Seconds after which a client may ask again. */
const RETRY_AFTER = '1';

/** Whatever was thrown, in the form that clients read. */
export function answerError(thrown: unknown, reply: FastifyReply, bodyLimit: number): FastifyReply {
  const error = requestError(thrown, bodyLimit);
  const status = error.httpStatus;
  if ((status === 429 || status === 503) && !reply.hasHeader('retry-after')) reply.header('retry-after', RETRY_AFTER);
  if (status >= 500) reply.log.error({ code: error.code, err: thrown }, error.message);
  return reply.code(status).send(errorBody(error));
}

function addEndpoint(app: FastifyInstance, one: Endpoint, service: Service, requests: Requests): void {
  for (const url of [one.path, ...one.aliases ?? []]) app.route({
    method: one.method,
    url,
    config: { public: one.public === true },
    handler: (request: FastifyRequest, reply: FastifyReply) => requests.run(reply, one.endless === true, async (signal) => {
      const body = one.body ? checkedBody(one.body, request.body) : undefined;
      const answer = await one.handle({ body, request, reply, signal, service });
      return answer === undefined ? reply : answer;
    }),
  });
}

/** What there is nothing at, and the methods that an address does take. */
export function notFound(endpoints: readonly Endpoint[], prefix = ''): (request: FastifyRequest, reply: FastifyReply) => FastifyReply {
  return (request, reply) => {
    const url = request.url.split('?')[0] ?? '';
    const allowed = [...new Set(endpoints.filter(({ path, aliases = [] }) => [path, ...aliases].some((known) => `${prefix}${known}` === url)).map(({ method }) => method))].join(', ');
    if (allowed === '') return reply.code(404).send(errorBody(new TaraError('TARA_URL_UNKNOWN', { method: request.method, url })));
    return reply.code(405).header('allow', allowed).send(errorBody(new TaraError('TARA_METHOD_REFUSED', { method: request.method, url, allowed })));
  };
}

/** Registers the endpoints. Rejects as engine.load does when the model cannot be opened. The models are freed when the app closes, after its requests have ended. */
export async function taraServer(app: FastifyInstance, options: PluginOptions): Promise<void> {
  const { bodyLimit = DEFAULTS.bodyLimit, drainMs = DEFAULTS.drainMs, dashboard = true } = options;
  const requests = createRequests();
  const opened = await openService(options, app.log);
  app.addHook('preClose', () => requests.drain(drainMs));
  app.addHook('onClose', () => opened.close());
  app.setErrorHandler((error: FastifyError, _request, reply) => answerError(error, reply, bodyLimit));
  app.addHook('onRequest', async () => {
    if (requests.draining) throw new TaraError('TARA_DRAINING');
  });
  app.addHook('onResponse', async (request, reply) => {
    opened.service.record.answered(request.routeOptions.url ?? 'unknown', reply.statusCode, reply.elapsedTime / 1000);
  });
  await addAccess(app, options);
  for (const one of opened.service.endpoints) addEndpoint(app, one, opened.service, requests);
  if (dashboard) await addPage(app);
}
