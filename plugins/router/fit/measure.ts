/** How good decisions were: right answers, "none", calibration, and what is answered when unsure ones are left out. */

export interface Judged {
  readonly text: string;
  /** What was answered, `none` for no domain. */
  readonly domain: string;
  /** 0..1 */
  readonly confidence: number;
  /** What would have been right, the best first. */
  readonly right: readonly string[];
}

export interface Measured {
  readonly texts: number;
  /** 0..1 */
  readonly accuracy: number;
  /** Of the answer `none`; null where no text has it and none was answered. */
  readonly noneF1: number | null;
  /** Expected calibration error over ten equal bins (Guo et al., 2017). */
  readonly calibrationError: number;
  /** Share of wrong answers among the surest 50, 60 … 100 % of the texts. */
  readonly riskAtCoverage: readonly { readonly coverage: number; readonly risk: number }[];
}

const BINS = 10;
const COVERAGES = [0.5, 0.6, 0.7, 0.8, 0.9, 1];

const isRight = ({ domain, right }: Judged): boolean => right.includes(domain);
const shareOf = (rows: readonly Judged[], test: (row: Judged) => boolean): number => (rows.length === 0 ? 0 : rows.filter(test).length / rows.length);

function noneF1(rows: readonly Judged[]): number | null {
  const hit = rows.filter(({ domain, right }) => domain === 'none' && right.includes('none')).length;
  const extra = rows.filter(({ domain, right }) => domain === 'none' && !right.includes('none')).length;
  const missed = rows.filter(({ domain, right }) => domain !== 'none' && right[0] === 'none' && !right.includes(domain)).length;
  return hit + extra + missed === 0 ? null : (2 * hit) / (2 * hit + extra + missed);
}

export function measure(rows: readonly Judged[]): Measured {
  const bins = Array.from({ length: BINS }, (_, bin) => rows.filter(({ confidence }) => Math.min(BINS - 1, Math.floor(confidence * BINS)) === bin));
  const surest = [...rows].sort((a, b) => b.confidence - a.confidence);
  return {
    texts: rows.length,
    accuracy: shareOf(rows, isRight),
    noneF1: noneF1(rows),
    calibrationError: bins.reduce((sum, bin) => sum + Math.abs(bin.reduce((total, { confidence }) => total + confidence, 0) - bin.filter(isRight).length), 0) / Math.max(1, rows.length),
    riskAtCoverage: COVERAGES.map((coverage) => ({ coverage, risk: shareOf(surest.slice(0, Math.ceil(coverage * rows.length)), (row) => !isRight(row)) })),
  };
}
