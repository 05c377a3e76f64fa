// A Fastify app with a route of its own, and the whole server below /ai.
import Fastify from 'fastify';
import { taraServer } from 'tara-gguf/server';

const [model] = process.argv.slice(2);
const app = Fastify({ pluginTimeout: 0 });
await app.register(taraServer, { path: model, prefix: '/ai' });
app.get('/', () => 'my own page');
const url = await app.listen({ port: 0 });

const response = await fetch(`${url}/ai/v1/chat/completions`, {
  method: 'POST', headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ messages: [{ role: 'user', content: 'Say hello.' }], max_tokens: 16 }),
});
const { choices } = await response.json();
console.log(JSON.stringify({ own: await (await fetch(url)).text(), answer: choices[0].message.content }));

// Requests under way end first, then the model is freed.
await app.close();
