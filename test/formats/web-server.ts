/** A web server on loopback for tests: serves bytes by ranges, or does whatever a handler does. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';

export interface Served {
  readonly url: string;
  /** The Range header of each request, in order. */
  readonly ranges: string[];
  /** Bytes that were handed to the sockets. */
  sent: number;
}

export type Handler = (request: IncomingMessage, response: ServerResponse, served: Served) => void;

/** Call once at the top of a test file: gives a maker of servers, all closed after each test. */
export function webServers(): (handler: Handler) => Promise<Served> {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()));
  });
  return async (handler) => {
    const served = { url: '', ranges: [] as string[], sent: 0 };
    const server = createServer((request, response) => {
      served.ranges.push(request.headers.range ?? '');
      handler(request, response, served);
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    served.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.gguf`;
    closing.push(() => new Promise((closed) => {
      server.close(() => closed());
      server.closeAllConnections();
    }));
    return served;
  };
}

/** The first and last byte that a request asks for. */
export function asked(request: IncomingMessage): [first: number, last: number] {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  return [Number(first), Number(last)];
}

/** Answers a range of a file of `size` bytes as a good server does; `read` gives its bytes. */
export function answerRange(request: IncomingMessage, response: ServerResponse, served: Served, size: number, read: (from: number, to: number) => Uint8Array, headers: Record<string, string> = {}): void {
  const [first, last] = asked(request);
  const end = Math.min(last + 1, size);
  response.writeHead(206, { 'content-range': `bytes ${first}-${end - 1}/${size}`, 'content-length': String(end - first), etag: '"one"', ...headers });
  served.sent += end - first;
  response.end(read(first, end));
}

export const byRanges = (file: Uint8Array, headers?: Record<string, string>): Handler =>
  (request, response, served) => answerRange(request, response, served, file.length, (from, to) => file.subarray(from, to), headers);

/** Sends the whole file whatever was asked, as fast as the reader takes it. */
export const whole = (file: Uint8Array, headers: Record<string, string> = { 'content-length': String(file.length) }): Handler => (_, response, served) => {
  response.writeHead(200, headers);
  const send = (at: number): void => {
    if (response.destroyed) return;
    if (at >= file.length) return void response.end();
    const chunk = file.subarray(at, at + (1 << 16));
    served.sent += chunk.length;
    response.write(chunk, () => send(at + chunk.length));
  };
  send(0);
};
