/** Sends the page: its files and uPlot's, read once, below a policy under which a browser asks nobody but this server. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const FOLDER = fileURLToPath(new URL('./page/', import.meta.url));

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.svg': 'image/svg+xml',
};

const HEADERS = {
  'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // Asked again each time, so that a new version shows at once; the tag saves sending it.
  'cache-control': 'no-cache',
} as const;

interface Asset {
  readonly name: string;
  readonly mediaType: string;
  readonly body: Buffer;
  readonly tag: string;
}

async function asset(name: string, path: string): Promise<Asset> {
  const body = await readFile(path);
  return { name, mediaType: MEDIA_TYPES[extname(path)] ?? 'application/octet-stream', body, tag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` };
}

async function assets(): Promise<Asset[]> {
  const uplot = createRequire(import.meta.url).resolve('uplot/package.json').slice(0, -'package.json'.length);
  const own = (await readdir(FOLDER)).filter((name) => extname(name) in MEDIA_TYPES);
  return Promise.all([
    ...own.map((name) => asset(name, join(FOLDER, name))),
    asset('uplot.js', join(uplot, 'dist', 'uPlot.esm.js')),
    asset('uplot.css', join(uplot, 'dist', 'uPlot.min.css')),
  ]);
}

function send({ mediaType, body, tag }: Asset, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.headers({ ...HEADERS, etag: tag });
  return request.headers['if-none-match'] === tag ? reply.code(304).send() : reply.type(mediaType).send(body);
}

/** Registers the page at / and its files below /dashboard. */
export async function addPage(app: FastifyInstance): Promise<void> {
  const options = { config: { public: true } };
  for (const one of await assets()) {
    if (one.name !== 'index.html') {
      app.get(`/dashboard/${one.name}`, options, (request, reply) => send(one, request, reply));
      continue;
    }
    app.get('/', options, (request, reply) => {
      const path = request.url.split('?')[0] ?? '';
      // Addresses in the page are relative to its folder, below whatever prefix.
      return path.endsWith('/') ? send(one, request, reply) : reply.redirect(`${path.slice(path.lastIndexOf('/') + 1)}/`);
    });
  }
}
