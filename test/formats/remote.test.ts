/** A GGUF file at an address: the header comes by ranges, and a server may do anything. */
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { inspect } from '../../src/formats/index.js';
import { codeOf, gguf, messageOf, scratch, TINY_SHAPES, tinyMetadata } from './helpers.js';
import { answerRange, asked, byRanges, type Handler, webServers, whole } from './web-server.js';

const files = scratch();
const serve = webServers();

const MIB = 1 << 20;
/** A llama whose header has `header` bytes or a little more, followed by 8 MiB of weights. */
function model(header: number): Buffer {
  const metadata = tinyMetadata();
  const text = { key: 'general.description', type: 'string', value: 'x'.repeat(header) } as const;
  return gguf([...metadata.values(), text], [...TINY_SHAPES, ['blk.0.extra.weight', 'f32', 1024, 2048]]);
}
const small = model(100);
const large = model(3 * MIB);
/** What `inspect` says of the address and of the same bytes on disk. */
const both = async (url: string, bytes: Uint8Array) => {
  const path = files.path('local.gguf');
  await writeFile(path, bytes);
  return { remote: await inspect(url), local: { ...(await inspect(path)), path: url } };
};

describe('a remote GGUF', () => {
  it('is described as on disk, from its first bytes alone', async () => {
    const served = await serve(byRanges(small));
    const { remote, local } = await both(served.url, small);
    expect(remote).toEqual(local);
    expect(served.ranges).toEqual(['bytes=0-262143']);
    expect(served.sent).toBe(262_144);
  });

  it('with a long header takes a few ranges, none of them twice', async () => {
    const spans: [number, number][] = [];
    const served = await serve((request, response, state) => {
      spans.push(asked(request));
      byRanges(large)(request, response, state);
    });
    const { remote, local } = await both(served.url, large);
    expect(remote).toEqual(local);
    spans.forEach(([first], index) => expect(first).toBe(index === 0 ? 0 : (spans[index - 1]?.[1] ?? 0) + 1));
    expect(spans.length).toBeLessThan(9);
    expect(served.sent).toBeLessThan(5 * MIB);
  });

  it('comes from a server that answers with fewer bytes than were asked for', async () => {
    const served = await serve((request, response, state) => {
      const [first, last] = asked(request);
      request.headers.range = `bytes=${first}-${Math.min(last, first + 99_999)}`;
      byRanges(large)(request, response, state);
    });
    const { remote, local } = await both(served.url, large);
    expect(remote).toEqual(local);
  });

  it('comes from a server without ranges, which is left as soon as the header is there', async () => {
    const huge = Buffer.concat([model(100), Buffer.alloc(64 * MIB)]);
    const served = await serve(whole(huge));
    const { remote, local } = await both(served.url, huge);
    expect(remote).toEqual(local);
    expect(served.sent).toBeLessThan(16 * MIB);
  });

  it('is found through redirects, and asked for at the last address from then on', async () => {
    const paths: string[] = [];
    const served = await serve((request, response, state) => {
      paths.push(request.url ?? '');
      if (request.url === '/model.gguf') response.writeHead(302, { location: '/store/abc?signature=1' }).end();
      else byRanges(large)(request, response, state);
    });
    expect(await inspect(served.url)).toMatchObject({ kind: 'gguf', path: served.url });
    expect(paths.filter((path) => path === '/model.gguf')).toHaveLength(1);
    expect(new Set(paths)).toEqual(new Set(['/model.gguf', '/store/abc?signature=1']));
  });

  it('is asked for without compression and without what its query holds in messages', async () => {
    const encodings: unknown[] = [];
    const served = await serve((request, response) => {
      encodings.push(request.headers['accept-encoding']);
      response.writeHead(403).end();
    });
    const message = await messageOf(() => inspect(`${served.url}?token=secret#part`));
    expect(encodings).toEqual(['identity']);
    expect(message).toBe(`cannot read ${served.url}: the server answers 403 Forbidden`);
  });

  it('gets the verdict that the same bytes get on disk', async () => {
    const folder = fileURLToPath(new URL('../fixtures/malformed/', import.meta.url));
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.gguf'))) {
      const bytes = readFileSync(folder + name);
      const served = await serve(bytes.length > 0 ? byRanges(bytes) : whole(bytes));
      const local = await messageOf(() => inspect(folder + name));
      expect(await messageOf(() => inspect(served.url)), name).toBe(local.replace(folder + name, served.url));
    }
  });
});

describe('a hostile or broken server', () => {
  const content = (range: string | null, body: Uint8Array = small.subarray(0, 262_144), headers: Record<string, string> = {}): Handler => (_, response) => {
    response.writeHead(206, { ...(range === null ? {} : { 'content-range': range }), ...headers });
    response.end(body);
  };
  const total = small.length;
  const cases: readonly (readonly [name: string, handler: Handler, reason: RegExp])[] = [
    ['answers 404', (_, response) => void response.writeHead(404).end('no'), /: the server answers 404 Not Found$/],
    ['answers 500', (_, response) => void response.writeHead(500).end(), /answers 500/],
    ['answers 416', (_, response) => void response.writeHead(416, { 'content-range': 'bytes */0' }).end(), /answers 416/],
    ['answers 204', (_, response) => void response.writeHead(204).end(), /answers 204/],
    ['answers a code of its own', (_, response) => void response.writeHead(299).end(), /answers 299$/],
    ['names no range', content(null), /with no range$/],
    ['names another range', content(`bytes 1-262144/${total}`), /with bytes 1-262144/],
    ['does not tell the size', content('bytes 0-262143/*'), /with bytes 0-262143\/\*/],
    ['names more than was asked for', content(`bytes 0-300000/${total}`), /with bytes 0-300000/],
    ['names a range beyond the end', content('bytes 0-262143/262143'), /with bytes 0-262143\/262143/],
    ['names an empty range', content('bytes 0--1/5'), /with bytes 0--1/],
    ['names numbers that cannot be counted', content('bytes 0-262143/99999999999999999999'), /with bytes/],
    ['names a range that its length contradicts', content(`bytes 0-262143/${total}`, small.subarray(0, 100), { 'content-length': '100' }), /with bytes 0-262143/],
    ['ends too early', content(`bytes 0-262143/${total}`, small.subarray(0, 100)), /ends 262044 bytes too early$/],
    ['sends more than it announced', content(`bytes 0-99/${total}`, small.subarray(0, 262_144)), /sends more than it announced$/],
    ['compresses', content(`bytes 0-262143/${total}`, small.subarray(0, 262_144), { 'content-encoding': 'br' }), /sends it encoded \(br\)$/],
    ['has no ranges and no length', whole(small, {}), /knows no ranges and does not tell the size/],
    ['redirects for ever', (_, response) => void response.writeHead(302, { location: '/model.gguf' }).end(), /redirect/],
    ['redirects to a file', (_, response) => void response.writeHead(302, { location: 'file:///etc/passwd' }).end(), /cannot read http/],
    ['hangs up', (request) => void request.socket.destroy(), /cannot read http/],
    ['hangs up within the answer', (_, response) => {
      response.writeHead(206, { 'content-range': `bytes 0-262143/${total}`, 'content-length': '262144' });
      response.write(small.subarray(0, 100), () => response.destroy());
    }, /cannot read http/],
    ['speaks no HTTP', (request) => void request.socket.end('SSH-2.0-OpenSSH_9.6\r\n'), /cannot read http/],
    ['never answers', () => undefined, /no answer within 0\.3 s$/],
    ['stops in the middle', (_, response) => {
      response.writeHead(206, { 'content-range': `bytes 0-262143/${total}` });
      response.write(small.subarray(0, 100));
    }, /no answer within 0\.3 s$/],
  ];
  it.each(cases)('%s: one line, no hang', async (_, handler, reason) => {
    const served = await serve(handler);
    const message = await messageOf(() => inspect(served.url, { timeoutMs: 300 }));
    expect(message).toMatch(/^cannot read http:\/\/127\.0\.0\.1:\d+\/model\.gguf: /);
    expect(message).toMatch(reason);
    expect(message).not.toMatch(/[\r\n]/);
    expect(await codeOf(() => inspect(served.url, { timeoutMs: 300 }))).toBe('TARA_REMOTE_UNREADABLE');
  });

  it('trickles: the time limit ends it though every wait is short', async () => {
    const timers = new Set<NodeJS.Timeout>();
    const served = await serve((_, response) => {
      response.writeHead(206, { 'content-range': `bytes 0-262143/${total}` });
      let at = 0;
      const timer = setInterval(() => response.write(small.subarray(at, (at += 10))), 20);
      timers.add(timer);
      response.on('close', () => clearInterval(timer));
    });
    expect(await messageOf(() => inspect(served.url, { timeoutMs: 300 }))).toMatch(/no answer within 0\.3 s$/);
    timers.forEach((timer) => clearInterval(timer));
  });

  it.each([['its ETag', large, { etag: '"two"' }], ['its size', Buffer.concat([large, Buffer.alloc(1)]), {}]] as const)('changes the file between two answers: %s', async (_, later, headers) => {
    let requests = 0;
    const served = await serve((request, response, state) => (requests++ === 0 ? byRanges(large) : byRanges(later, headers))(request, response, state));
    expect(await codeOf(() => inspect(served.url))).toBe('TARA_FILE_CHANGED');
    expect(requests).toBe(2);
  });

  it('answers a later range with the whole file', async () => {
    let requests = 0;
    const served = await serve((request, response, state) => (requests++ === 0 ? byRanges(large) : whole(large))(request, response, state));
    expect(await messageOf(() => inspect(served.url))).toMatch(/answers a range with the whole file$/);
  });

  it('announces a header without end: reading stops', async () => {
    const head = gguf([{ key: 'general.architecture', type: 'string', value: 'llama' }], []);
    const endless = Buffer.concat([head.subarray(0, 8), Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]), string('a'), Buffer.from([9, 0, 0, 0, 0, 0, 0, 0]), length(200 * MIB)]);
    const size = 9e14;
    const served = await serve((request, response, state) =>
      answerRange(request, response, state, size, (from, to) => Buffer.concat([endless.subarray(from), Buffer.alloc(Math.max(0, to - Math.max(from, endless.length)))])));
    expect(await messageOf(() => inspect(served.url))).toMatch(/its header is longer than 67108864 bytes$/);
    expect(served.sent).toBeLessThanOrEqual(66 * MIB);
    const lying = Buffer.concat([endless.subarray(0, 24), length(2 ** 40), Buffer.from('name')]);
    const other = await serve((request, response, state) =>
      answerRange(request, response, state, size, (from, to) => Buffer.concat([lying, Buffer.alloc(to - from - lying.length)])));
    expect(await codeOf(() => inspect(other.url))).toBe('TARA_GGUF_INVALID');
    expect(other.ranges).toHaveLength(1);
  });

  it('is left at once when the caller gives up', async () => {
    const controller = new AbortController();
    const served = await serve((_, response) => {
      response.writeHead(206, { 'content-range': `bytes 0-262143/${total}` });
      response.write(small.subarray(0, 100), () => controller.abort());
    });
    expect(await codeOf(() => inspect(served.url, { signal: controller.signal }))).toBe('TARA_ABORTED');
    expect(await codeOf(() => inspect(served.url, { signal: controller.signal }))).toBe('TARA_ABORTED');
    expect(served.ranges).toHaveLength(1);
  });

  it('is not there', async () => {
    const served = await serve(() => undefined);
    const closed = served.url.replace(/:\d+/, ':1');
    expect(await codeOf(() => inspect(closed))).toBe('TARA_REMOTE_UNREADABLE');
    for (const address of ['http://', 'http://a b/', 'https://user:secret@127.0.0.1/model.gguf', 'http://[::1/']) {
      expect(await codeOf(() => inspect(address)), address).toBe('TARA_USAGE');
      expect(await messageOf(() => inspect(address))).not.toContain('secret');
    }
  });
});

function length(bytes: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(bytes));
  return buffer;
}
function string(text: string): Buffer {
  return Buffer.concat([length(text.length), Buffer.from(text)]);
}
