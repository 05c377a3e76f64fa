/**
 * The router on the labelled sets: right answers, "none", calibration and risk against coverage by source, what each part of the
 * score does, and the time of a decision. TARA_EMBEDDING_MODEL: a sentence-embedding GGUF; TARA_DATA: the folder of the sets.
 * With --fit it first fits the shipped weights on the half of the texts that is chosen by, and writes plugins/router/score/shipped.ts.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createModelStore } from '../dist/src/index.js';
import { createEngine } from '../dist/src/engine/index.js';
import { createEmbedder } from '../dist/src/models/index.js';
import { ROOT } from '../scripts/lib.mjs';
import { median, optional, publish } from './lib.mjs';

const part = (path) => import(join(ROOT, 'dist', 'plugins', `${path}.js`));
const { configSchema } = await part('router/config');
const { createRouter } = await part('router/service');
const { fit } = await part('router/fit/fit');
const { halves } = await part('router/fit/halves');
const { measure } = await part('router/fit/measure');
const { signalsOf } = await part('router/score/content');
const { SHIPPED } = await part('router/score/shipped');
const { embedTable } = await part('router/table/embedded');
const { createTable } = await part('router/table/table');
const { knownDomains } = await part('router/table/tables');
const { excerptOf } = await part('router/text/excerpt');
const { wordsOf } = await part('router/text/words');
const { analyze } = await part('emotion/reading/analyze');
const { loadModel } = await part('emotion/reading/files');

const data = process.env.TARA_DATA ?? join(ROOT, '..', 'shared', 'data');
const embeddingModel = optional('TARA_EMBEDDING_MODEL', 'a sentence-embedding GGUF');
const lines = (path) => readFileSync(join(data, path), 'utf8').split('\n').filter((line) => line.trim() !== '').map((line) => line.split('\t'));
const rows = [
  ...lines('handwritten/routing.tsv').slice(1).map(([text, domain, others = '']) => ({ text, right: [domain, ...others.split(',').filter(Boolean)], source: 'handwritten' })),
  ...lines('routing/routing.dev.tsv').map(([text, domain, source]) => ({ text, right: [domain], source })),
];
const SOURCES = ['handwritten', 'banking77', 'clinc_oos', 'counselchat', 'gsm8k', 'medquad', 'mmlu'];
const { chosenBy, reportedOn } = halves(rows);
const round = (value, digits = 3) => (value === null ? null : Number(value.toFixed(digits)));

const store = createModelStore(createEngine());
const plain = embeddingModel === undefined ? undefined : createEmbedder(embeddingModel, store);
/** Every text once, whatever is measured with it. */
const vectors = new Map();
const embedder = plain && {
  dimensions: () => plain.dimensions(),
  async embed(texts) {
    const missing = [...new Set(texts)].filter((text) => !vectors.has(text));
    for (let at = 0; at < missing.length; at += 32) (await plain.embed(missing.slice(at, at + 32))).forEach((vector, i) => vectors.set(missing[at + i], vector));
    return texts.map((text) => vectors.get(text));
  },
};
const readings = ['ngrams', ...(embedder ? ['embedding'] : [])];

const emotionModel = await loadModel();
const emotion = { analyze: (text) => analyze(emotionModel, text) };
const routerOf = ({ reading, feel = true, config = {} }) =>
  createRouter(configSchema.parse({ cache: { entries: 0 }, ...config }), {
    find: ({ name }) => (name === 'embedder' && reading === 'embedding' ? embedder : name === 'emotion' && feel ? emotion : undefined),
    log: { warn: (message, fields) => console.error(message, fields) },
    events: { emit: () => {}, on: () => () => {} },
  });

async function fitShipped() {
  const table = createTable([...knownDomains(configSchema.parse({}), {}).values()]);
  const at = (name) => table.index.get(name) ?? table.domains.length - 1;
  const fitted = {};
  for (const reading of readings) {
    const near = reading === 'embedding' ? await embedTable(table, { embedder, folder: null, onUnkept: () => {} }) : undefined;
    const seen = [];
    for (const { text, right, source } of chosenBy) {
      const words = wordsOf(text);
      const nearest = near ? near.nearest((await embedder.embed([excerptOf(text)]))[0]) : table.examples.nearest(words);
      seen.push({ text, group: source, right: right.map(at), signals: signalsOf(table.keywords.match(words), nearest, words.length, table.bare) });
    }
    fitted[reading] = fit(seen, SHIPPED[reading].model);
  }
  const shown = JSON.stringify({ ...SHIPPED, ...fitted }, null, 2).replaceAll(/"(\w+)":/g, '$1:').replaceAll(/\[\s+([\d.]+),\s+([\d.]+)\s+\]/g, '[$1, $2]');
  writeFileSync(join(ROOT, 'plugins', 'router', 'score', 'shipped.ts'), `/** Made by \`npm run bench -- router --fit\`: do not edit. */\nimport type { Fits } from './fitted.js';\n\nexport const SHIPPED: Fits = ${shown};\n`);
  console.log('fitted; compile and run again without --fit');
}

/** What a router answers to the rows; `candidates` may depend on the row. */
async function judged(router, some, optionsOf = () => ({})) {
  const all = [];
  for (const [i, { text, right, source }] of some.entries()) {
    const { domain, confidence } = await router.route(text, optionsOf(i));
    all.push({ text, domain, confidence, right, source });
  }
  return all;
}

const shown = (some) => {
  const { accuracy, noneF1, calibrationError, riskAtCoverage, texts } = measure(some);
  return { texts, accuracy: round(accuracy), noneF1: round(noneF1), calibrationError: round(calibrationError), riskAtCoverage: riskAtCoverage.map(({ coverage, risk }) => ({ coverage, risk: round(risk) })) };
};

const unseen = new Set(reportedOn.map(({ text }) => text));
async function bySource(reading) {
  const all = await judged(routerOf({ reading }), rows);
  const half = all.filter(({ text }) => unseen.has(text));
  return Object.fromEntries([...SOURCES, 'all'].map((source) => {
    const own = (some) => some.filter((row) => source === 'all' || row.source === source);
    return [source, { allTexts: shown(own(all)), halfNotChosenBy: shown(own(half)) }];
  }));
}

/** Speeds and qualities that have nothing to do with the question: what they may cost. */
function measuredCandidates() {
  let state = 7;
  const random = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
  const names = ['healthcare', 'business', 'education', 'creative', 'leadership', 'technology'];
  return rows.map(() => ({ candidates: names.map((name) => ({ name, tokensPerSecond: 20 + 80 * random(), quality: 0.6 + 0.4 * random() })) }));
}

async function ablation(reading) {
  const candidates = measuredCandidates();
  const cases = {
    'all four': {},
    'without content': { weights: { content: 0 } },
    'without emotion': { weights: { emotion: 0 } },
    'without speed': { weights: { speed: 0 } },
    'without quality': { weights: { quality: 0 } },
    'content alone': { weights: { emotion: 0, speed: 0, quality: 0 } },
  };
  const table = {};
  for (const [name, config] of Object.entries(cases)) {
    const all = await judged(routerOf({ reading, config }), rows, (i) => candidates[i]);
    table[name] = Object.fromEntries([...SOURCES, 'all'].map((source) => [source, round(measure(all.filter((row) => source === 'all' || row.source === source)).accuracy)]));
  }
  return table;
}

const percentile = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))];
/** Milliseconds by the clock, and of this process's CPU time, all threads together: the second holds on a busy machine too. */
async function timesOf(route, texts) {
  for (const text of texts.slice(0, 200)) await route(text);
  const [times, cpuTimes] = [[], []];
  for (const text of texts) {
    const [begin, cpu] = [performance.now(), process.cpuUsage()];
    await route(text);
    times.push(performance.now() - begin);
    const { user, system } = process.cpuUsage(cpu);
    cpuTimes.push((user + system) / 1000);
  }
  return { texts: times.length, p50Ms: round(median(times)), p99Ms: round(percentile(times, 0.99)), cpuP50Ms: round(median(cpuTimes)), cpuP99Ms: round(percentile(cpuTimes, 0.99)) };
}

/** 1,000 domains of 50 examples: each the text of a row, shortened differently, so that domains are distinct but not random. */
function manyDomains() {
  const pool = rows.map(({ text }) => text.split(/\s+/).slice(0, 12).join(' '));
  return Object.fromEntries(Array.from({ length: 1000 }, (_, d) => [`domain-${d}`, { examples: [...new Set(Array.from({ length: 50 }, (_, i) => `${pool[(d * 2 + (i >> 1)) % pool.length]} ${i} of ${d}`))] }]));
}

/** A stand-in for the embedder, whose time is left out: vectors by a hash of the words, the same for the same text. */
const hashed = {
  dimensions: () => Promise.resolve(384),
  embed: (texts) => Promise.resolve(texts.map((text) => {
    const vector = new Float32Array(384);
    for (const word of text.split(' ')) {
      let state = [...word].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) >>> 0, 7);
      for (let i = 0; i < 24; i += 1) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        vector[state % 384] += state & 65536 ? 1 : -1;
      }
    }
    const length = Math.hypot(...vector) || 1;
    return vector.map((value) => value / length);
  })),
};

async function times() {
  const texts = rows.filter((_, i) => i % 3 === 0).map(({ text }) => text);
  const withoutEmbedding = await timesOf((text) => routerOfOnce.route(text), texts);
  const found = { withoutEmbedding };
  if (plain) {
    const router = createRouter(configSchema.parse({ cache: { entries: 0 } }), { find: ({ name }) => (name === 'embedder' ? plain : undefined), log: { warn: console.error }, events: { emit: () => {}, on: () => () => {} } });
    await router.route('warm');
    // Every text is new: the embedder remembers what it has seen.
    let count = 0;
    const anew = (text) => router.route(`${count++} ${text}`);
    found.withEmbedding = { handwritten: await timesOf(anew, rows.filter(({ source }) => source === 'handwritten').map(({ text }) => text)), allSources: await timesOf(anew, texts.slice(0, 600)) };
  }
  const many = createRouter(configSchema.parse({ cache: { entries: 0 }, domains: manyDomains() }), { find: ({ name }) => (name === 'embedder' ? hashed : undefined), log: { warn: console.error }, events: { emit: () => {}, on: () => () => {} } });
  const routed = await timesOf((text) => many.route(text), texts.slice(0, 500));
  const alone = await timesOf((text) => hashed.embed([text]), texts.slice(0, 500));
  found.thousandDomains = { examples: 50, ...routed, standInEmbeddingP50Ms: alone.p50Ms };
  return found;
}
const routerOfOnce = routerOf({ reading: 'ngrams', feel: false });

if (process.argv.includes('--fit')) await fitShipped();
else {
  const results = {};
  for (const reading of readings) results[reading] = { bySource: await bySource(reading), ablation: await ablation(reading) };
  publish('router', { task: 'which of six domains, or none, answers a text', split: 'weights were fitted, and examples written, with one half of the texts in view; halfNotChosenBy is the other', readings: results, times: await times() });
}
await store.close();
