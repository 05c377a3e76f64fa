/** A pool task: a benchmark as one HTML page, without scripts and without anything from elsewhere. */
import type { PoolTask } from '../../workers/index.js';
import type { Benchmark, BenchmarkReference, BenchmarkRow } from '../types.js';
import { partsChart, qualityChart, speedCharts, tensorChart } from './charts.js';
import { bitsOf, isMatrix, placeOf } from './groups.js';
import { draw, escapeHtml as e, facts, figure, gigabytes, htmlPage, megabytes, percent, SHADES, significant } from '../../page/index.js';

const typesLine = (types: Readonly<Record<string, number>>): string => Object.entries(types).sort((a, b) => b[1] - a[1]).map(([type, count]) => `${count} × ${type}`).join(', ');

/** What a row of the big table says. */
const HEADINGS = ['', 'size', 'bits per weight', 'mean KL divergence', 'KL, 99th percentile', 'same top token', 'perplexity', 'decoding, tokens/s', 'prompt, tokens/s', 'load, ms', 'memory'];

/** Among the cells. */
const KLD = 2;

function tableRow(row: BenchmarkRow | BenchmarkReference): string {
  const against = 'kld' in row.quality ? row.quality : null;
  const kind = against === null ? 'reference' : 'pareto' in row && row.pareto ? 'front' : '';
  const cells = [
    megabytes(row.bytes), row.bitsPerWeight.toFixed(2),
    against === null ? '–' : significant(against.kld.mean),
    against === null ? '–' : significant(against.kld.p99),
    against === null ? '–' : percent(against.topTokenAgreement),
    row.quality.perplexity.toFixed(2),
    significant(row.speed?.decodeTokensPerSecond ?? Number.NaN), significant(row.speed?.promptTokensPerSecond ?? Number.NaN), significant(row.speed?.loadMs ?? Number.NaN),
    row.speed === null ? '–' : `${(row.speed.memoryBytes / 1e6).toFixed(0)} MB`,
  ];
  return `<tr class="${kind}"><th scope="row">${e(row.name)}<small>${e(typesLine(row.types))}${row.imatrix ? '; with an importance matrix' : ''}</small></th>${cells.map((cell, index) => `<td>${e(cell)}${index === KLD && against !== null ? `<small>± ${significant(against.kld.error, 2)}</small>` : ''}</td>`).join('')}</tr>`;
}

const bigTable = ({ reference, rows }: Benchmark): string => `<div class="scroll" tabindex="0" role="region" aria-label="All figures"><table>
<thead><tr>${HEADINGS.map((heading) => `<th scope="col">${e(heading)}</th>`).join('')}</tr></thead>
<tbody>${[...rows, reference].map(tableRow).join('\n')}</tbody></table></div>`;

/** Every matrix with its type in every file. */
function tensorTable({ reference, rows }: Benchmark): string {
  const types = rows.map((row) => new Map(row.tensors.map((tensor) => [tensor.name, tensor.type])));
  const lines = reference.tensors.filter(isMatrix).map(({ name, ne }) =>
    `<tr><th scope="row">${e(name)}</th><td>${ne.join(' × ')}</td>${types.map((byName) => `<td>${e(byName.get(name) ?? '–')}</td>`).join('')}</tr>`);
  return `<details><summary>The type of every matrix in every file</summary><div class="scroll" tabindex="0" role="region" aria-label="Types of tensors"><table>
<thead><tr><th scope="col">tensor</th><th scope="col">shape</th>${rows.map(({ name }) => `<th scope="col">${e(name)}</th>`).join('')}</tr></thead><tbody>
${lines.join('\n')}
</tbody></table></div></details>`;
}

/** The matrices outside of the layers, in words: `token_embd q8_0 30.1 MB`. */
const outside = (row: BenchmarkRow): string => row.tensors.filter((tensor) => isMatrix(tensor) && placeOf(tensor.name).layer === null)
  .map((tensor) => `${placeOf(tensor.name).role} ${tensor.type} (${significant(bitsOf(tensor))} bits, ${megabytes(tensor.bytes)})`).join(', ');

/** One sentence with the result. */
function summary({ rows, reference }: Benchmark): string {
  const front = rows.filter(({ pareto }) => pareto);
  const [smallest, best] = [front[0], front.at(-1)];
  if (!smallest || !best) return '';
  const beaten = rows.filter(({ pareto }) => !pareto).map(({ name }) => name);
  const said = (row: BenchmarkRow): string => `${row.name} (${megabytes(row.bytes)}, the same top token as the model ${percent(row.quality.topTokenAgreement)} of the time)`;
  const range = smallest === best ? `${said(best)} is smaller and closer to the model than every other file.` : `From ${said(smallest)} to ${said(best)}, ${front.length === rows.length ? 'every file is' : `${front.length} of ${rows.length} files are`} worth the bytes.`;
  return `${range}${beaten.length > 0 ? ` Beaten by a file that is no larger and closer to the model: ${beaten.join(', ')}.` : ''} The model itself has ${megabytes(reference.bytes)}.`;
}

/** The page. Long work for large models: off the event loop. */
const page: PoolTask<Benchmark, string> = async (benchmark) => {
  const { model, machine, rows, reference, chunks, contextSize, speedTokens } = benchmark;
  const heat = rows.map((row) => ({ row, drawing: tensorChart(row) })).flatMap(({ row, drawing }) => (drawing === null ? [] : [{ row, drawing }]));
  const speeds = speedCharts(benchmark);
  const measurable = rows.some(({ quality }) => quality.kld.mean > 0);
  const [parts = '', ...others] = await draw([partsChart(rows), ...(measurable ? [qualityChart(rows)] : []), ...speeds, ...heat.map(({ drawing }) => drawing)]);
  const quality = measurable ? others.splice(0, 1) : [];
  const speed = others.splice(0, speeds.length);
  const title = `${model.name}: what each quantization costs and keeps`;
  return htmlPage(title, `<header>
<h1>${e(title)}</h1>
<p class="lead">${e(summary(benchmark))}</p>
${facts([
    ['model', `${model.architecture}, ${(model.parameters / 1e6).toFixed(0)} M weights, ${reference.name}`],
    ['text', `${benchmark.text.join(', ')}; ${chunks} chunks of ${contextSize} tokens, ${reference.quality.tokens} scored`],
    ['importance matrix', benchmark.imatrix ?? (rows.some(({ imatrix }) => imatrix) ? 'only where it says so' : 'none')],
    ['machine', `${machine.cpu}, ${machine.cores} cores, ${gigabytes(machine.memoryBytes)}, ${machine.platform}`],
    ['threads', String(benchmark.threads)],
    ['measured', `${benchmark.measuredAt.slice(0, 16).replace('T', ' ')} UTC, in ${Math.max(1, Math.round(benchmark.seconds / 60))} min`],
  ])}
</header>
${quality.length === 0 ? '' : `<section aria-labelledby="quality">
<h2 id="quality">Quality against size</h2>
<p class="muted">How far each file's predictions are from those of the model it was made from, for the bytes it takes.</p>
${figure(quality[0] ?? '', `Mean KL divergence of the next token's distribution from ${reference.name}'s, over ${reference.quality.tokens} tokens. A file above the line is beaten: another is no larger and closer to the model.`)}
</section>`}
<section aria-labelledby="figures">
<h2 id="figures">All figures</h2>
<p class="muted">Files on the Pareto front are marked. ± is one standard error. Below each name is what is really in the file: types whose blocks do not fit a row are replaced.</p>
${bigTable(benchmark)}
</section>
${speed.length === 0 ? '' : `<section aria-labelledby="speed">
<h2 id="speed">Speed and memory</h2>
<p class="muted">Medians of ${benchmark.runs} runs with ${benchmark.threads} threads: a prompt of ${speedTokens.prompt} tokens, ${speedTokens.decode} tokens decoded, each in a process that serves nothing else.</p>
<div class="multiples">${speed.map((svg, index) => `<figure><figcaption><strong>${e(speeds[index]?.title ?? '')}</strong></figcaption>${svg}</figure>`).join('\n')}</div>
</section>`}
<section aria-labelledby="bits">
<h2 id="bits">Where the bits went</h2>
<p class="muted">The bytes of each file by part of the model, then the bits per weight of every matrix, tensor by tensor.</p>
${figure(parts, 'Bytes of the tensors. Vectors such as norms, and matrices outside of the layers, are in "everything else".')}
${heat.length === 0 ? '' : `<ul class="key" aria-label="Bits per weight">${SHADES.map(({ label }, index) => `<li><i style="background:var(--shade${index})"></i>${label} bits</li>`).join('')}</ul>
<div class="multiples">${heat.map(({ row }, index) => `<figure><figcaption><strong>${e(row.name)}</strong> <span class="muted">${row.bitsPerWeight.toFixed(2)} bits per weight${outside(row) === '' ? '' : `; ${e(outside(row))}`}</span></figcaption>${others[index] ?? ''}</figure>`).join('\n')}</div>`}
${tensorTable(benchmark)}
</section>
<footer>Made by tara-gguf. Perplexity and KL divergence as llama-perplexity computes them: the second half of each chunk is scored.</footer>`);
};

export default page;
