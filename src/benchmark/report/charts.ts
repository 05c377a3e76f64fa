/** The charts of a benchmark, as echarts options. */
import { paretoFront } from '../pareto.js';
import type { Benchmark, BenchmarkReference, BenchmarkRow, BenchmarkTensor } from '../types.js';
import { bitsOf, bytesByPart, isMatrix, PARTS, placeOf } from './groups.js';
import { AXIS, fitted, megabytes, MUTED, percent, SHADES, significant, TEXT, type Drawing } from '../../page/index.js';

const WIDTH = 1040;
const colorOf = ({ compressionType }: { readonly compressionType: string }): string => (compressionType === 'standard' ? 'var(--standard)' : 'var(--hybrid)');
const kinds = (rows: readonly BenchmarkRow[]): string[] => [...new Set(rows.map(({ compressionType }) => compressionType))].sort((a, b) => (a === 'standard' ? -1 : b === 'standard' ? 1 : a < b ? -1 : 1));

/** Powers of ten around the values. */
function decades(values: readonly number[]): { min: number; max: number } {
  return { min: 10 ** Math.floor(Math.log10(Math.min(...values))), max: 10 ** Math.ceil(Math.log10(Math.max(...values))) };
}

/** Mean KL divergence, on a logarithmic scale, against the file's size, with the front. A divergence of 0 has no place on that scale. */
export function qualityChart(rows: readonly BenchmarkRow[]): Drawing {
  const shown = rows.filter(({ quality }) => quality.kld.mean > 0);
  const front = paretoFront(shown, ({ bytes }) => bytes, ({ quality }) => quality.kld.mean);
  const onFront = (row: BenchmarkRow | undefined): boolean => row !== undefined && front.includes(row);
  const point = (row: BenchmarkRow): [number, number] => [row.bytes / 1e6, row.quality.kld.mean];
  const label = `Mean KL divergence against file size. On the Pareto front, from the smallest: ${front.map((row) => `${row.name}, ${megabytes(row.bytes)}, ${significant(row.quality.kld.mean)}`).join('; ')}.`;
  return {
    width: WIDTH, height: 500, label,
    option: {
      grid: fitted(44, 64),
      legend: { top: 0, left: 'center', textStyle: TEXT, itemGap: 24, data: ['Pareto front', ...kinds(shown)] },
      xAxis: { ...AXIS, type: 'value', scale: true, boundaryGap: ['12%', '3%'], name: 'size of the file, MB', nameLocation: 'middle', nameGap: 36 },
      yAxis: { ...AXIS, type: 'log', name: 'mean KL divergence, nats (lower is better)', nameLocation: 'middle', nameGap: 56, ...decades(shown.map(({ quality }) => quality.kld.mean)), axisLabel: { ...MUTED, formatter: (value: number) => significant(value) } },
      series: [
        { type: 'line', name: 'Pareto front', step: 'end', symbol: 'none', color: 'var(--front)', lineStyle: { color: 'var(--front)', width: 2 }, data: front.map(point), z: 1 },
        ...kinds(shown).map((kind) => {
          const own = shown.filter(({ compressionType }) => compressionType === kind);
          return {
            type: 'scatter', name: kind, symbol: kind === 'standard' ? 'circle' : 'diamond', symbolSize: kind === 'standard' ? 13 : 18, z: 3,
            color: own[0] ? colorOf(own[0]) : 'var(--standard)', itemStyle: { borderColor: 'var(--card)', borderWidth: 1.5, opacity: 1 },
            // Left of a point of the line nothing can be; what is beaten lies right of and above it.
            labelLayout: ({ dataIndex = 0 }: { readonly dataIndex?: number }) => ({ moveOverlap: 'shiftY', dy: onFront(own[dataIndex]) ? 0 : -10 }),
            data: own.map((row) => ({
              value: point(row), name: row.name,
              label: { show: true, position: onFront(row) ? 'left' : 'right', formatter: row.name, ...TEXT, textBorderColor: 'var(--card)', textBorderWidth: 4, fontWeight: onFront(row) ? 'bold' : 'normal' },
            })),
          };
        }),
      ],
    },
  };
}

interface Bars {
  readonly unit: string;
  value(row: BenchmarkRow | BenchmarkReference): number | null;
}

/** One horizontal bar for each file. */
function bars(rows: readonly (BenchmarkRow | BenchmarkReference)[], { unit, value }: Bars): Drawing & { readonly title: string } {
  const down = [...rows].reverse();
  return {
    title: unit, width: WIDTH / 2 - 14, height: 40 + 26 * rows.length,
    label: `${unit}: ${rows.map((row) => `${row.name} ${significant(value(row) ?? Number.NaN)}`).join(', ')}.`,
    option: {
      grid: fitted(4, 56),
      xAxis: { ...AXIS, type: 'value', splitNumber: 4 },
      yAxis: { ...AXIS, type: 'category', data: down.map(({ name }) => name), axisLabel: TEXT, axisTick: { show: false } },
      series: [{
        type: 'bar', barWidth: 15,
        data: down.map((row) => ({ value: value(row) ?? 0, itemStyle: { color: row.compressionType === 'none' ? 'var(--part4)' : colorOf(row), borderRadius: [0, 3, 3, 0] } })),
        label: { show: true, position: 'right', ...MUTED, formatter: ({ dataIndex }: { dataIndex: number }) => { const row = down[dataIndex]; return row ? significant(value(row) ?? Number.NaN) : ''; } },
      }],
    },
  };
}

/** Four drawings: prompt, decode, load, memory. None where no speed was measured. */
export function speedCharts({ rows, reference }: Benchmark): (Drawing & { readonly title: string })[] {
  const all = [...rows, reference].filter(({ speed }) => speed !== null);
  if (all.length === 0) return [];
  return [
    bars(all, { unit: 'Decoding, tokens per second', value: ({ speed }) => speed?.decodeTokensPerSecond ?? null }),
    bars(all, { unit: 'Reading a prompt, tokens per second', value: ({ speed }) => speed?.promptTokensPerSecond ?? null }),
    bars(all, { unit: 'Loading, milliseconds', value: ({ speed }) => speed?.loadMs ?? null }),
    bars(all, { unit: 'Memory at most, MB', value: ({ speed }) => (speed ? speed.memoryBytes / 1e6 : null) }),
  ];
}

/** The bytes of each file by part of the model, stacked. */
export function partsChart(rows: readonly BenchmarkRow[]): Drawing {
  const down = [...rows].reverse().map((row) => ({ row, bytes: bytesByPart(row.tensors) }));
  const parts = PARTS.filter((part) => down.some(({ bytes }) => bytes[part] > 0));
  const label = `Bytes by part of the model. ${rows.map((row) => { const bytes = bytesByPart(row.tensors); return `${row.name}: ${parts.map((part) => `${part} ${percent(bytes[part] / row.bytes)}`).join(', ')}`; }).join('; ')}.`;
  return {
    width: WIDTH, height: 90 + 28 * rows.length, label,
    option: {
      grid: fitted(40, 24),
      legend: { top: 0, left: 'center', textStyle: TEXT, itemGap: 24, data: [...parts] },
      xAxis: { ...AXIS, type: 'value', name: 'MB', nameLocation: 'middle', nameGap: 28 },
      yAxis: { ...AXIS, type: 'category', data: down.map(({ row }) => row.name), axisLabel: TEXT, axisTick: { show: false } },
      series: parts.map((part) => ({
        type: 'bar', name: part, stack: 'bytes', barWidth: 17, color: `var(--part${PARTS.indexOf(part)})`,
        itemStyle: { borderColor: 'var(--card)', borderWidth: 1 },
        data: down.map(({ bytes }) => bytes[part] / 1e6),
      })),
    },
  };
}

const shadeOf = (bits: number): number => SHADES.findIndex(({ below }) => bits < below);

/** Matrices within layers. */
const inLayers = (tensors: readonly BenchmarkTensor[]): { tensor: BenchmarkTensor; layer: number; role: string }[] =>
  tensors.filter(isMatrix).flatMap((tensor) => {
    const { layer, role } = placeOf(tensor.name);
    return layer === null ? [] : [{ tensor, layer, role }];
  });

/** In the order in which a layer uses them; others follow. */
const ROLES = ['attn_q', 'attn_k', 'attn_v', 'attn_qkv', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'];

const rank = (role: string): number => (ROLES.includes(role) ? ROLES.indexOf(role) : ROLES.length);

/** Bits per weight of every matrix: layers across, what they do in the layer down. Null for a model without layers. */
export function tensorChart(row: BenchmarkRow): Drawing | null {
  const cells = inLayers(row.tensors);
  if (cells.length === 0) return null;
  const roles = [...new Set(cells.map(({ role }) => role))].reverse().sort((a, b) => rank(b) - rank(a));
  const layers = Array.from({ length: Math.max(...cells.map(({ layer }) => layer)) + 1 }, (_, layer) => String(layer));
  const label = `Bits per weight of ${row.name}, by layer: ${[...roles].reverse().map((role) => {
    const bits = cells.filter((cell) => cell.role === role).map(({ tensor }) => bitsOf(tensor));
    const [least, most] = [Math.min(...bits), Math.max(...bits)];
    return `${role} ${least === most ? significant(least) : `${significant(least)} to ${significant(most)}`}`;
  }).join(', ')}.`;
  return {
    width: 500, height: 44 + 18 * roles.length, label,
    option: {
      grid: fitted(2, 4),
      xAxis: { ...AXIS, type: 'category', data: layers, splitLine: { show: false }, axisTick: { show: false }, axisLine: { show: false }, axisLabel: { ...MUTED, fontSize: 11 } },
      yAxis: { ...AXIS, type: 'category', data: roles, splitLine: { show: false }, axisTick: { show: false }, axisLine: { show: false }, axisLabel: { ...TEXT, fontSize: 12 } },
      visualMap: { type: 'piecewise', show: false, dimension: 2, pieces: SHADES.map((_, index) => ({ value: index, color: `var(--shade${index})` })) },
      series: [{ type: 'heatmap', itemStyle: { borderColor: 'var(--card)', borderWidth: 1, borderRadius: 2 }, data: cells.map(({ tensor, layer, role }) => [layer, roles.indexOf(role), shadeOf(bitsOf(tensor))]) }],
    },
  };
}
