#!/usr/bin/env node
/**
 * Prints the tables of docs/emotion.md: the shipped emotion model and crisis rules on the development sets (the router's:
 * `npm run bench -- router`). `npm run setup && node scripts/measure-plugins.mjs [--data ../shared/data]`
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

const { values: options } = parseArgs({ options: { data: { type: 'string', default: fileURLToPath(new URL('../../shared/data', import.meta.url)) } } });
const load = (path) => import(new URL(`../dist/plugins/${path}.js`, import.meta.url));
const rows = (path, header = false) => readFileSync(path, 'utf8').split('\n').filter((line) => line.trim() !== '').slice(header ? 1 : 0).map((line) => line.split('\t'));
const data = (path) => join(options.data, path);
const own = (name) => fileURLToPath(new URL(`../test/plugins/${name}`, import.meta.url));
const percent = (part, whole) => `${((100 * part) / whole).toFixed(1)} % (${part}/${whole})`;

/** Milliseconds of this process's CPU time since `begin`: a busy machine does not change it. */
function spent(begin) {
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1000;
}

const { loadModel } = await load('emotion/reading/files');
const { analyze } = await load('emotion/reading/analyze');
const { EMOTIONS } = await import(new URL('../dist/src/plugin.js', import.meta.url));
const model = await loadModel();

async function emotionTable(name, path) {
  const lines = rows(path);
  const counts = EMOTIONS.map(() => [0, 0, 0]);
  for (const [text, gold = ''] of lines) {
    const { labels } = await analyze(model, text);
    EMOTIONS.forEach((emotion, c) => {
      const [is, says] = [gold.split(',').includes(emotion), labels.includes(emotion)];
      if (is && says) counts[c][0] += 1;
      else if (says) counts[c][1] += 1;
      else if (is) counts[c][2] += 1;
    });
  }
  const f1 = counts.map(([hit, extra, missed]) => (2 * hit) / Math.max(1, 2 * hit + extra + missed));
  const begin = process.cpuUsage();
  for (const [text] of lines) await analyze(model, text);
  const milliseconds = spent(begin) / lines.length;
  console.log(`${name}: macro-F1 ${(f1.reduce((a, b) => a + b) / 8).toFixed(3)}; ${EMOTIONS.map((emotion, c) => `${emotion} ${f1[c].toFixed(2)}`).join(', ')}; ${milliseconds.toFixed(3)} ms a text`);
}

async function dominant(name, lines) {
  const right = [];
  for (const [text, gold] of lines) right.push((await analyze(model, text)).dominant === gold);
  console.log(`${name}: dominant right ${percent(right.filter(Boolean).length, lines.length)}`);
}

async function crisis(name, lines) {
  const levels = [];
  for (const [text, gold] of lines) levels.push([gold, (await analyze(model, text)).crisis.level]);
  const of = (gold, good) => percent(levels.filter(([is, says]) => is === gold && good(says)).length, levels.filter(([is]) => is === gold).length);
  console.log(`${name}: acute found ${of('acute', (says) => says === 'acute')}, concern noticed ${of('concern', (says) => says !== 'none')}, false alarms ${of('none', (says) => says !== 'none')}`);
}

await emotionTable('XED dev', data('emotion/xed.dev.tsv'));
await emotionTable('GoEmotions dev', data('emotion/goemotions.dev.tsv'));
await dominant('handwritten emotion', rows(data('handwritten/emotion.tsv'), true));
await dominant('own lines', rows(own('emotion-lines.tsv')));
await crisis('handwritten crisis', rows(data('handwritten/crisis.tsv'), true));
await crisis('own crisis lines', rows(own('emotion-crisis.tsv')));
