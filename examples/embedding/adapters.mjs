// One model, a LoRA chosen for each request: adapters.mjs MODEL NAME=LORA.gguf …
import { createTaraEngine } from 'tara-gguf';

const [path, ...named] = process.argv.slice(2);
const adapters = Object.fromEntries(named.map((one) => one.split('=')));
const engine = createTaraEngine();
const model = await engine.load(path, { slots: 4, adapters });

const ask = (use) => model.generate([{ role: 'user', content: 'Say hello.' }], { adapters: use, temperature: 0, maxTokens: 16 }).text();
// Together: requests with the same adapters share decodes, those with others take turns.
const answers = await Promise.all([ask({}), ...Object.keys(adapters).map((name) => ask({ [name]: 1 }))]);
console.log(JSON.stringify({ plain: answers[0], ...Object.fromEntries(Object.keys(adapters).map((name, index) => [name, answers[index + 1]])) }));
await engine.dispose();
