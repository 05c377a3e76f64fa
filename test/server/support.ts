/** Servers over small models for one test file each, closed with it. */
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { HookCaller } from '../../src/kernel/services.js';
import { createServer, type CreateServerOptions, type TaraServer } from '../../src/server/index.js';
import { byteToken, IM_END, writeBigramModel } from '../support/tiny-model.js';

const hooks: HookCaller = { has: () => false, first: () => Promise.resolve(undefined), waterfall: (_, value) => Promise.resolve(value), parallel: () => Promise.resolve([]), observe: () => Promise.resolve() };

/** A host without plugins. */
export const BARE: NonNullable<CreateServerOptions['plugins']> = {
  hooks, find: () => undefined,
  use: (token) => { throw new Error(`nobody provides ${token.name}`); },
};

const open: TaraServer[] = [];
/** To be called once in each file that starts servers. */
export const closeServers = (): void => { afterAll(() => Promise.all(open.splice(0).map((server) => server.close()))); };

export async function start(path: string, options: Partial<CreateServerOptions> = {}): Promise<TaraServer> {
  const server = await createServer({ path, port: 0, plugins: BARE, load: { slots: 4, contextSize: 512, threads: 1 }, ...options });
  open.push(server);
  return server;
}

export const post = (server: { readonly url: string }, path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(`${server.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) });

/** The objects of an event stream, its end mark left out. */
export async function events<T = Record<string, unknown>>(response: Response): Promise<T[]> {
  const text = await response.text();
  return text.split('\n\n').filter((part) => part.startsWith('data: ') && part !== 'data: [DONE]').map((part) => JSON.parse(part.slice(6)) as T);
}

/** A model that likes what ends JSON: quotes and brackets that close, then its end token. */
export const writeClosingModel = (folder: string): Promise<string> => {
  const liked = new Map([...'"}]'].map((char, rank) => [byteToken(char.charCodeAt(0)), 9 - rank]));
  return writeBigramModel(join(folder, 'closing.gguf'), (_before, after) => (after === IM_END ? 3 : liked.get(after) ?? (after === byteToken(97) ? 1 : 0)));
};
