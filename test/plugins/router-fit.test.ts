import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { createTestHost, service } from 'tara-gguf/testing';
import { router, stateFolder } from 'tara-gguf/plugin';
import plugin from '../../plugins/router/index.js';
import { halves } from '../../plugins/router/fit/halves.js';
import { calibrated, isotonic } from '../../plugins/router/fit/isotonic.js';
import { measure } from '../../plugins/router/fit/measure.js';
import { logitsOf, softmax } from '../../plugins/router/score/content.js';
import { tempered } from '../../plugins/router/score/parts.js';
import { buildVectors } from '../../plugins/router/table/vectors.js';

const home = mkdtempSync(join(tmpdir(), 'tara-fit-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

describe('isotonic regression', () => {
  it('is the worked example of Barlow and others: adjacent violators take their mean', () => {
    const points = [1, 3, 2, 4, 3.5].map((y, i) => ({ x: i / 5, y: y / 5, weight: 1 }));
    expect(isotonic(points).map(([, y]) => y)).toEqual([0.2, 0.5, 0.75]);
  });

  it('rises, and stays within 0 and 1', () => {
    fc.assert(fc.property(fc.array(fc.record({ x: fc.double({ min: 0, max: 1, noNaN: true }), y: fc.constantFrom(0, 1), weight: fc.constant(1) }), { minLength: 1, maxLength: 200 }), fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (points, a, b) => {
      const line = isotonic(points);
      const [low, high] = [calibrated(line, Math.min(a, b)), calibrated(line, Math.max(a, b))];
      expect(low).toBeLessThanOrEqual(high + 1e-9);
      expect(low).toBeGreaterThanOrEqual(0);
      expect(high).toBeLessThanOrEqual(1);
    }));
    expect(calibrated([], 0.3)).toBe(0.3);
  });
});

describe('measures', () => {
  it('are those of a table counted by hand', () => {
    const rows = [
      { text: 'a', domain: 'x', confidence: 0.95, right: ['x'] },
      { text: 'b', domain: 'none', confidence: 0.65, right: ['none'] },
      { text: 'c', domain: 'none', confidence: 0.45, right: ['x'] },
      { text: 'd', domain: 'x', confidence: 0.35, right: ['none', 'x'] },
    ];
    const found = measure(rows);
    expect(found.accuracy).toBe(0.75);
    expect(found.noneF1).toBeCloseTo(2 / 3);
    expect(found.calibrationError).toBeCloseTo((0.05 + 0.35 + 0.45 + 0.65) / 4);
    expect(found.riskAtCoverage.map(({ risk }) => risk)).toEqual([0, 1 / 3, 1 / 3, 0.25, 0.25, 0.25]);
  });

  it('are taken on texts that nothing was chosen by', () => {
    const rows = Array.from({ length: 200 }, (_, i) => ({ text: `text ${i}` }));
    const { chosenBy, reportedOn } = halves(rows);
    expect(new Set([...chosenBy, ...reportedOn])).toEqual(new Set(rows));
    expect(chosenBy.length).toBeGreaterThan(60);
    expect(reportedOn.length).toBeGreaterThan(60);
  });
});

describe('the content model', () => {
  const model = { similarity: 10, keywords: 2, none: 1, doubt: 1 };
  it('gives shares that sum to 1, and nothing to a domain that nothing speaks for', () => {
    const signals = { similarity: Float64Array.from([0.5, 0, 0.1]), keywords: Float64Array.from([0, 0, 0]) };
    const shares = softmax(logitsOf(signals, model, [0, 1]));
    expect(shares.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1);
    expect(shares[1]).toBeLessThan(1e-9);
    expect(shares[0]).toBeCloseTo(Math.exp(5) / (Math.exp(5) + Math.exp(1 + 1 + 0.5)));
    expect([...softmax(logitsOf(signals, model, []))]).toEqual([1]);
  });

  it('lets other parts move a domain only as far as it fits', () => {
    expect(tempered(1, 0.9, 0.9)).toBe(1);
    expect(tempered(1, 0.09, 0.9)).toBeCloseTo(0.55);
    expect(tempered(0, 0, 0)).toBe(0.5);
  });
});

describe('nearest examples', () => {
  const random = (() => { let state = 5; return () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648 - 0.5; })();
  const unit = (size: number) => { const vector = Float32Array.from({ length: size }, random); const length = Math.hypot(...vector); return vector.map((value) => value / length); };

  it('are those that a plain computation finds', () => {
    const owners = Int32Array.from([0, 0, 0, 0, 0, 0, 1, 2, 2]);
    const rows = Array.from(owners, () => unit(7));
    const query = unit(7);
    const mean = Float64Array.from({ length: 7 }, (_, i) => rows.reduce((sum, row) => sum + (row[i] ?? 0), 0) / rows.length);
    const centred = (vector: Float32Array) => { const moved = [...vector].map((value, i) => value - (mean[i] ?? 0)); const length = Math.hypot(...moved); return moved.map((value) => value / length); };
    const cosines = rows.map((row) => centred(row).reduce((sum, value, i) => sum + value * (centred(query)[i] ?? 0), 0));
    const { values, rows: nearest } = buildVectors({ rows, owners, domains: 3, added: [] }).nearest(query);
    [0, 1, 2].forEach((domain) => {
      const own = cosines.flatMap((cosine, row) => (owners[row] === domain ? [{ cosine, row }] : [])).sort((a, b) => b.cosine - a.cosine);
      expect(values[domain]).toBeCloseTo(own.slice(0, 5).reduce((sum, { cosine }) => sum + cosine, 0) / Math.min(5, own.length), 5);
      expect(nearest[domain]).toBe(own[0]?.row);
    });
  });

  it('of many domains are sought in those with the nearest means', () => {
    const domains = 301;
    const centres = Array.from({ length: domains }, () => unit(48));
    const owners = Int32Array.from({ length: domains * 8 }, (_, i) => i >> 3);
    const near = (centre: Float32Array) => { const moved = centre.map((value) => value + random() * 0.15); const length = Math.hypot(...moved); return moved.map((value) => value / length); };
    const vectors = buildVectors({ rows: Array.from(owners, (owner) => near(centres[owner] ?? new Float32Array(48))), owners, domains, added: [] });
    for (let domain = 0; domain < domains; domain += 10) {
      const { values } = vectors.nearest(near(centres[domain] ?? new Float32Array(48)));
      expect(values.indexOf(Math.max(...values))).toBe(domain);
    }
  });
});

describe('route-fit', () => {
  const data = join(home, 'labelled.tsv');
  const topics: Readonly<Record<string, readonly string[]>> = { technology: ['python script', 'database query', 'server error', 'wifi router'], healthcare: ['fever and cough', 'chest pain', 'blood pressure', 'insulin dose'], none: ['weather tomorrow', 'football match', 'chicken soup', 'train to Rome'] };
  const lines = Object.entries(topics).flatMap(([domain, words]) => words.flatMap((word, i) => ['what about the', 'tell me of my', 'why the', 'help with'].map((begin) => `${begin} ${word}\t${domain}${i === 0 ? '\t' : ''}`)));
  writeFileSync(data, ['text\tdomain\talternates', ...lines].join('\n'));
  const start = () => createTestHost({ plugins: [plugin], services: [service(stateFolder, () => ({ path: home }))] });

  it('reports on texts it was not fitted on, and writes weights that the router then uses', async () => {
    const host = await start();
    const dry = await host.run('route-fit', ['--data', data, '--dry-run']);
    expect(dry.json).toMatchObject({ reading: 'ngrams', path: null });
    const { json, text } = await host.run('route-fit', ['--data', data]);
    const report = json as { fittedOn: number; reportedOn: number; after: { accuracy: number }; path: string };
    expect(report.fittedOn + report.reportedOn).toBe(lines.length);
    expect(report.after.accuracy).toBeGreaterThan(0.7);
    expect(text).toContain('before');
    expect(JSON.parse(readFileSync(report.path, 'utf8'))).toMatchObject({ format: 1, ngrams: { model: {} } });
    expect((await host.use(router).route('Why is my query slow?')).domain).toBe('technology');
    await host.stop();
    writeFileSync(report.path, '{"format":1,"ngrams":{}}');
    const broken = await start();
    expect((await broken.use(router).route('Why is my query slow?')).domain).toBe('technology');
    expect(broken.logs.some(({ message }) => message.includes('route-fit'))).toBe(true);
    await broken.stop();
  });

  it('names the line that is wrong, and refuses too few', async () => {
    const host = await start();
    const bad = join(home, 'bad.tsv');
    writeFileSync(bad, 'hello\tnone\nfoo\tfood\n');
    await expect(host.run('route-fit', ['--data', bad])).rejects.toMatchObject({ code: 'TARA_CONFIG_INVALID', message: expect.stringContaining('line 2') as unknown });
    writeFileSync(bad, 'hello\tnone\n');
    await expect(host.run('route-fit', ['--data', bad])).rejects.toMatchObject({ code: 'TARA_CONFIG_INVALID' });
    await expect(host.run('route-fit', ['--data', join(home, 'absent')])).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
    await expect(host.run('route-fit', [])).rejects.toMatchObject({ code: 'TARA_USAGE' });
    await host.stop();
  });
});
