/**
 * Server: the front door over HTTP. One endpoint is one file in routes/, its schemas (schemas/) check requests and make
 * /openapi.json; serving/ knows which models are served and switches to another release; answers/ gets an answer from a
 * model or through emotion and router; tools/ finds calls in it; stream/ sends it as events; metrics/ counts.
 * May import everything but cli.
 */
export { createServer, type CreateServerOptions, type TaraServer } from './server.js';
export { taraServer, type PluginOptions } from './plugin.js';
export { DEFAULTS as SERVER_DEFAULTS, type AccessOptions, type ModelOptions, type RateLimit, type ServerOptions } from './options.js';
