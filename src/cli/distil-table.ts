/** A distillation's report for people. */
import type { DistilReport, ResidualReport, Worth } from '../train/index.js';
import { formatBytes, formatSeconds } from './format.js';
import { facts, table } from './table.js';

const percent = (share: number | null): string => (share === null ? 'no gap' : `${(100 * share).toFixed(1)} %`);

const ENDS: Readonly<Record<DistilReport['stopped'], string>> = {
  done: 'the time or the steps were used',
  converged: 'held-out text no longer gained',
  diverged: 'it came to no number; the best state before was taken',
};

/** By KL divergence, or by what the text costs where files have other tokens. */
const isCloser = (a: Worth, b: Worth): boolean => (a.kld !== null && b.kld !== null ? a.kld < b.kld : a.bitsPerByte < b.bitsPerByte);

export function distilText(report: DistilReport): string {
  const { teacher, before, after, plain, speeds } = report;
  const rows = [
    { name: 'teacher', worth: teacher, speed: speeds?.teacher },
    { name: 'student before', worth: before, speed: undefined },
    { name: report.improved ? 'student after' : 'student (kept as it was)', worth: after, speed: speeds?.output },
    ...(plain === null ? [] : [{ name: `plain ${plain.preset}`, worth: plain, speed: speeds?.plain ?? undefined }]),
  ];
  const figures = table([
    { title: 'WHAT', value: ({ name }) => name },
    { title: 'SIZE', align: 'right', value: ({ worth }) => formatBytes(worth.bytes) },
    { title: 'KL', align: 'right', value: ({ worth }) => worth.kld?.toFixed(4) ?? '-' },
    { title: '±', align: 'right', value: ({ worth }) => worth.kldError?.toFixed(4) ?? '-' },
    { title: 'BITS/BYTE', align: 'right', value: ({ worth }) => worth.bitsPerByte.toFixed(4) },
    { title: 'DOMAIN LOSS', align: 'right', value: ({ worth }) => worth.domainLoss.toFixed(4) },
    { title: 'DECODE T/S', align: 'right', value: ({ speed }) => speed?.decodeTokensPerSecond?.toFixed(1) ?? '-' },
    { title: 'PROMPT T/S', align: 'right', value: ({ speed }) => speed?.promptTokensPerSecond.toFixed(0) ?? '-' },
  ], rows);
  const wins = plain !== null && isCloser(plain, after) ? [['note', `the plain preset ${plain.preset} is closer to the teacher at ${formatBytes(plain.bytes)}: take it`] as const] : [];
  return `${figures}\n\n${facts([
    ['output', report.output],
    ['recovered', `${percent(report.recovered.domainLoss)} of the domain loss${after.kld === null ? '' : `, ${percent(report.recovered.kld)} of the KL divergence`}`],
    ['held out', `${report.heldOut.items} items, ${report.heldOut.chunks === 0 ? 'whole' : `${report.heldOut.chunks} chunks of ${report.heldOut.contextSize} tokens`}`],
    ['trained', `${report.trained.map(({ part, parameters }) => `${part} ${parameters}`).join(', ')}; ${report.steps} steps, the best at ${report.bestStep}: ${ENDS[report.stopped]}`],
    ['speed', report.tokensPerSecond === null ? '-' : `${report.tokensPerSecond.toFixed(0)} tokens/s forward and backward`],
    ['time', `${formatSeconds(report.seconds.all)}, of it ${formatSeconds(report.seconds.teaching)} for the teacher and ${formatSeconds(report.seconds.training)} for training`],
    ...wins,
  ])}`;
}

export const residualText = ({ output, bytes, rank, matrices, left, domainLoss: { teacher, student, withLora } }: ResidualReport): string => facts([
  ['output', output],
  ['size', `${formatBytes(bytes)}: rank ${rank} for ${matrices} matrices`],
  ['error left', `${(100 * left).toFixed(1)} % of the squares, weighed by the inputs`],
  ['held-out loss', `${student.toFixed(4)} without it, ${withLora.toFixed(4)} with it, ${teacher.toFixed(4)} unquantized`],
]);
