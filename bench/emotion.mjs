/**
 * The emotion engine on the development sets: macro-F1 of each tier beside baselines, figures by emotion, calibration, the
 * handwritten sets, modulation, speed. Writes bench/results/emotion.json.
 *
 * TARA_EMBEDDING_MODEL: a GGUF of all-MiniLM-L6-v2 for tier (b). TARA_DATA: the data folder (default ../shared/data).
 * The handwritten sets were not trained on; crisis.tsv was looked at while the rules were written.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ROOT } from '../scripts/lib.mjs';
import { optional, publish } from './lib.mjs';

const dist = (path) => import(join(ROOT, 'dist', path));
const { EMOTIONS } = await dist('src/plugin.js');
const { analyze } = await dist('plugins/emotion/reading/analyze.js');
const { detectCrisis } = await dist('plugins/emotion/crisis/detect.js');
const { loadModel } = await dist('plugins/emotion/reading/files.js');
const { DEPTHS } = await dist('plugins/emotion/reading/vectors.js');
const { f1 } = await dist('plugins/emotion/training/calibrate.js');
const { tokens, normalise } = await dist('plugins/emotion/reading/text.js');
const { configSchema } = await dist('plugins/emotion/config.js');
const { around, styleOf } = await dist('plugins/emotion/style/style.js');
const { SHIPPED_TEMPLATES } = await dist('plugins/emotion/style/templates.js');

const data = process.env.TARA_DATA ?? join(ROOT, '../shared/data');
const rows = (name) => readFileSync(resolve(data, name), 'utf8').split('\n').filter((line) => line.split('\t')[0].trim() !== '').map((line) => line.split('\t'));
const labelled = (name) => rows(name).map(([text, labels = '']) => ({ text, labels: EMOTIONS.map((emotion) => Number(labels.split(',').includes(emotion))) }));
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const round = (value) => Math.round(value * 1e4) / 1e4;
const model = await loadModel();

const file = optional('TARA_EMBEDDING_MODEL', 'a GGUF of all-MiniLM-L6-v2');
let embedder;
let store;
if (file) {
  const { createEmbedder, createModelStore } = await dist('src/models/index.js');
  const { createEngine } = await dist('src/engine/index.js');
  store = createModelStore(createEngine());
  embedder = createEmbedder(file, store);
}
async function vectorsOf(texts) {
  const all = [];
  for (let from = 0; from < texts.length; from += 256) all.push(...(await embedder.embed(texts.slice(from, from + 256), { depths: DEPTHS })));
  return all;
}

/** Macro-F1 and F1 by emotion, of each row's set of labels. */
function scores(items, says) {
  const each = EMOTIONS.map((name, c) => f1(says.map((labels) => labels.includes(name)), items.map(({ labels }) => labels[c])));
  return { macroF1: round(mean(each)), byEmotion: Object.fromEntries(EMOTIONS.map((name, c) => [name, round(each[c])])) };
}

/** Expected calibration error in 15 bins of equal width, a mean over the emotions. */
function calibrationError(items, readings) {
  return round(mean(EMOTIONS.map((name, c) => {
    const bins = Array.from({ length: 15 }, () => ({ said: 0, was: 0 }));
    readings.forEach(({ emotions }, i) => {
      const bin = bins[Math.min(14, Math.floor(emotions[name] * 15))];
      bin.said += emotions[name];
      bin.was += items[i].labels[c];
    });
    return bins.reduce((sum, { said, was }) => sum + Math.abs(said - was), 0) / items.length;
  })));
}

/** For each emotion the words that stand in its training rows at least four times as often as in others, ten rows at least. */
function lexicon() {
  const train = [...labelled('emotion/xed.train.tsv'), ...labelled('emotion/goemotions.train.tsv')];
  const counts = new Map();
  const totals = EMOTIONS.map((_, c) => train.filter(({ labels }) => labels[c] === 1).length);
  for (const { text, labels } of train) {
    for (const word of new Set(tokens(normalise(text)))) {
      const known = counts.get(word) ?? { all: 0, of: EMOTIONS.map(() => 0) };
      known.all += 1;
      labels.forEach((label, c) => (known.of[c] += label));
      counts.set(word, known);
    }
  }
  return EMOTIONS.map((_, c) => new Set([...counts].filter(([, { all, of }]) => of[c] >= 10 && of[c] / totals[c] >= (4 * (all - of[c])) / (train.length - totals[c])).map(([word]) => word)));
}

const words = lexicon();
const sets = {};
for (const name of ['xed', 'goemotions']) {
  const items = labelled(`emotion/${name}.dev.tsv`);
  const texts = items.map(({ text }) => text);
  const counts = EMOTIONS.map((_, c) => items.reduce((sum, { labels }) => sum + labels[c], 0));
  const common = EMOTIONS[counts.indexOf(Math.max(...counts))];
  const vectors = embedder && (await vectorsOf(texts));
  const read = (heard) => Promise.all(texts.map((text, i) => analyze(model, text, heard?.[i])));
  const tiers = { words: await read(), ...(vectors && { both: await read(vectors) }) };
  sets[name] = {
    rows: items.length,
    majority: scores(items, texts.map(() => [common])),
    lexicon: scores(items, texts.map((text) => { const found = tokens(normalise(text)); return EMOTIONS.filter((_, c) => found.some((word) => words[c].has(word))); })),
    ...Object.fromEntries(Object.entries(tiers).map(([tier, readings]) => [tier, { ...scores(items, readings.map(({ labels }) => labels)), calibrationError: calibrationError(items, readings) }])),
  };
}

const test = (name) => join(ROOT, 'test/plugins', name);
const hand = rows('handwritten/emotion.tsv').slice(1);
const handVectors = embedder && (await vectorsOf(hand.map(([text]) => text)));

/** How often what dominates is right in short sentences with one emotion word, by words alone. */
async function plainFigures() {
  const items = rows(test('emotion-words-unseen.tsv'));
  const right = await Promise.all(items.map(async ([text, gold]) => Number((await analyze(model, text)).dominant === gold)));
  return { rows: items.length, dominantRight: round(mean(right)) };
}
const strength = (intensity) => (intensity < 0.42 ? 'low' : intensity < 0.62 ? 'medium' : 'high');
async function handFigures(vectors) {
  const readings = await Promise.all(hand.map(([text], i) => analyze(model, text, vectors?.[i])));
  const right = readings.map(({ dominant }, i) => dominant === hand[i][1]);
  const of = (name) => round(mean(right.filter((_, i) => hand[i][1] === name).map(Number)));
  const felt = readings.flatMap(({ intensity }, i) => (hand[i][1] === 'neutral' ? [] : [strength(intensity) === hand[i][2]]));
  const pleasant = { joy: 1, trust: 1, sadness: -1, fear: -1, anger: -1, disgust: -1 };
  const signs = readings.flatMap(({ valence }, i) => (hand[i][1] in pleasant ? [Math.sign(valence) === pleasant[hand[i][1]]] : []));
  return { rows: hand.length, dominantRight: round(mean(right.map(Number))), byEmotion: Object.fromEntries([...EMOTIONS, 'neutral'].map((name) => [name, of(name)])), intensityRight: round(mean(felt.map(Number))), valenceSignRight: round(mean(signs.map(Number))) };
}

/** Crisis levels of a set, with words alone and with sentence vectors. */
async function crisisFigures(path, levelOf = (level) => level) {
  const items = rows(path).filter(([, level]) => level !== 'level').map(([text, level]) => ({ text, level: levelOf(level) }));
  const figures = async (vectors) => {
    const found = await Promise.all(items.map(async ({ text }, i) => (await detectCrisis(text, model, vectors?.[i])).level));
    const share = (level, test) => {
      const of = found.filter((_, i) => items[i].level === level);
      return of.length === 0 ? null : `${of.filter(test).length}/${of.length}`;
    };
    const noticed = (said) => said !== 'none';
    return { acute: share('acute', (said) => said === 'acute'), acuteNoticed: share('acute', noticed), concernNoticed: share('concern', noticed), falseAlarms: share('none', noticed), falseAcute: share('none', (said) => said === 'acute') };
  };
  return { words: await figures(), ...(embedder && { both: await figures(await vectorsOf(items.map(({ text }) => text))) }) };
}

function modulation() {
  const config = configSchema.parse({});
  const cases = readFileSync(join(data, 'handwritten/modulation.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  let [kept, all] = [0, 0];
  for (const { domain, emotion, reply, must_keep: parts } of cases) {
    const analysis = { dominant: emotion, labels: [], emotions: {}, intensity: 0.6, valence: 0, text: '', crisis: { level: 'concern', reasons: ['self-harm:thoughts'] } };
    const whole = around(reply, styleOf(domain, analysis, SHIPPED_TEMPLATES, config));
    for (const part of parts) {
      all += 1;
      if (whole.includes(part)) kept += 1;
    }
  }
  return { cases: cases.length, kept, all };
}

async function speed() {
  const texts = labelled('emotion/goemotions.dev.tsv').slice(0, 2000).map(({ text }) => text);
  for (const text of texts.slice(0, 300)) await analyze(model, text);
  const started = performance.now();
  for (const text of texts) await analyze(model, text);
  const seconds = (performance.now() - started) / 1000;
  if (!embedder) return { wordsPerTextMs: round((seconds * 1000) / texts.length), wordsTextsPerSecond: Math.round(texts.length / seconds) };
  const fresh = labelled('emotion/xed.train.tsv').slice(0, 300).map(({ text }) => text);
  const begun = performance.now();
  for (const text of fresh) await analyze(model, text, (await embedder.embed([text], { depths: DEPTHS }))[0]);
  return { wordsPerTextMs: round((seconds * 1000) / texts.length), wordsTextsPerSecond: Math.round(texts.length / seconds), bothPerTextMs: round((performance.now() - begun) / fresh.length) };
}

publish('emotion', {
  embeddingModel: file ? 'all-MiniLM-L6-v2, f16' : null,
  sets,
  handwritten: { words: await handFigures(), ...(embedder && { both: await handFigures(handVectors) }) },
  plain: await plainFigures(),
  crisis: {
    handwritten: await crisisFigures('handwritten/crisis.tsv'),
    own: await crisisFigures(test('emotion-crisis.tsv')),
    later: await crisisFigures(test('emotion-crisis-later.tsv')),
    unseen: await crisisFigures(test('emotion-crisis-unseen.tsv')),
    routing: await crisisFigures('routing/routing.dev.tsv', () => 'none'),
  },
  modulation: modulation(),
  speed: await speed(),
});
await store?.close();
