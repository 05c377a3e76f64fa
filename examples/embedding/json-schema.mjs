// An answer bound to a JSON Schema: it parses, whatever the model would rather have said.
import { createTaraEngine } from 'tara-gguf';

const [path] = process.argv.slice(2);
const engine = createTaraEngine();
const model = await engine.load(path, { slots: 1 });
const jsonSchema = { type: 'object', properties: { mood: { enum: ['good', 'bad'] }, urgent: { type: 'boolean' } }, required: ['mood', 'urgent'], additionalProperties: false };

const text = await model.generate([{ role: 'user', content: 'My order never came!' }], { jsonSchema, temperature: 0, maxTokens: 512 }).text();
console.log(JSON.stringify({ answer: JSON.parse(text) }));
await engine.dispose();
