// A route handler as Next.js has it (app/api/chat/route.js): a Request in, a streaming Response out.
import { pathToFileURL } from 'node:url';
import { createTaraEngine } from 'tara-gguf';

// Kept on globalThis: a development server loads this module again and again, the model must not be.
const shared = (globalThis.tara ??= { engine: createTaraEngine(), models: new Map() });

export function modelAt(path) {
  if (!shared.models.has(path)) shared.models.set(path, shared.engine.load(path, { slots: 4 }));
  return shared.models.get(path);
}

export async function POST(request) {
  const { messages } = await request.json();
  const model = await modelAt(process.env.MODEL);
  // The request's signal fires when the reader leaves: its slot is free within one decode.
  const generation = model.generate(messages, { maxTokens: 64, signal: request.signal });
  const chunks = generation[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  return new Response(new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value.text));
    },
    cancel: () => generation.cancel(),
  }), { headers: { 'content-type': 'text/plain; charset=utf-8' } });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.env.MODEL = process.argv[2];
  const response = await POST(new Request('http://localhost/api/chat', { method: 'POST', body: JSON.stringify({ messages: [{ role: 'user', content: 'Say hello.' }] }) }));
  console.log(JSON.stringify({ answer: await response.text() }));
  await shared.engine.dispose();
}
