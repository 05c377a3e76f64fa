// Ends the process in the middle of native work. Arguments: model, exit code, what is under way. Runs the built library.
import { createEngine } from '../../../dist/src/engine/index.js';

const [path, code, during] = process.argv.slice(2);
const engine = createEngine();
const end = () => {
  if (code === 'throw') setImmediate(() => { throw new Error('on purpose'); });
  else process.exit(Number(code));
};

if (during === 'load') {
  engine.load(path, { onProgress: end }).then(end, end);
} else {
  const model = await engine.load(path, { slots: 2, contextSize: 2048 });
  if (during === 'prompt') {
    model.generate('q'.repeat(2000)).result.then(end, end);
    setTimeout(end, 5);
  } else if (during === 'embed') {
    model.embed('q'.repeat(2000)).then(end, end);
    setImmediate(end);
  } else if (during === 'tokenize') {
    model.tokenize('some words. '.repeat(100_000)).then(end, end);
    setImmediate(end);
  } else if (during === 'dispose') {
    model.generate('x', { temperature: 0 });
    model.dispose();
    setImmediate(end);
  } else if (during === 'nothing') {
    end();
  } else {
    model.generate('y', { temperature: 0 });
    for await (const chunk of model.generate('x', { temperature: 0 })) if (chunk.text) end();
  }
}
