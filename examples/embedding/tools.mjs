// A function that the model must call, asked as OpenAI's clients ask.
import { createServer } from 'tara-gguf/server';

const [path] = process.argv.slice(2);
const server = await createServer({ path, port: 0 });
const tools = [{ type: 'function', function: { name: 'set_light', description: 'Switches a light.', parameters: { type: 'object', properties: { on: { type: 'boolean' } }, required: ['on'], additionalProperties: false } } }];

const response = await fetch(`${server.url}/v1/chat/completions`, {
  method: 'POST', headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ messages: [{ role: 'user', content: 'It is dark in here.' }], tools, tool_choice: 'required', temperature: 0, max_tokens: 512 }),
});
const { choices } = await response.json();
const [call] = choices[0].message.tool_calls;
console.log(JSON.stringify({ call: call.function.name, arguments: JSON.parse(call.function.arguments) }));
await server.close();
