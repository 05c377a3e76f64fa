// A script that never disposes anything must still end, with its output. Argument: model.
import { createEngine } from '../../../dist/src/engine/index.js';

const model = await createEngine().load(process.argv[2], { slots: 1, contextSize: 256 });
console.log(await model.generate('x', { temperature: 0, maxTokens: 10 }).text());
