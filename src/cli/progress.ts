/** Progress on a terminal's stderr: one line for each running piece of work, redrawn in place, gone when the command ends. */
import type { ProgressSink } from '../kernel/command.js';
import type { Output } from './context.js';
import { printable } from './format.js';

export interface Progress {
  sink(label: string): ProgressSink;
  /** Takes the lines away so that other text can be written; the next report draws them again. */
  clear(): void;
}

interface Line {
  readonly label: string;
  fraction: number | null;
  detail: string;
}

const REDRAW_MS = 80;
const BAR = 24;

/** Silent unless `enabled`. */
export function createProgress(output: Output, enabled: boolean, now: () => number = () => performance.now()): Progress {
  if (!enabled) return { sink: () => ({ report: () => undefined, done: () => undefined }), clear: () => undefined };
  const lines: Line[] = [];
  let drawn = 0;
  let last = Number.NEGATIVE_INFINITY;

  const clear = (): void => {
    if (drawn > 0) output.write(`\u001b[${drawn}A\u001b[0J`);
    drawn = 0;
  };
  const draw = (force: boolean): void => {
    if (!force && now() - last < REDRAW_MS) return;
    last = now();
    const width = Math.max(20, (output.columns ?? 80) - 1);
    const text = lines.map((line) => `${render(line).slice(0, width)}\n`).join('');
    const up = drawn > 0 ? `\u001b[${drawn}A\u001b[0J` : '';
    if (up !== '' || text !== '') output.write(up + text);
    drawn = lines.length;
  };
  return {
    clear,
    sink(label) {
      const line: Line = { label: printable(label), fraction: null, detail: '' };
      let ended = false;
      lines.push(line);
      draw(true);
      return {
        report(fraction, detail) {
          if (ended) return;
          line.fraction = fraction === null ? null : Math.min(1, Math.max(0, fraction));
          line.detail = printable(detail ?? '');
          draw(false);
        },
        done() {
          if (ended) return;
          ended = true;
          lines.splice(lines.indexOf(line), 1);
          draw(true);
        },
      };
    },
  };
}

const render = ({ label, fraction, detail }: Line): string => {
  if (fraction === null) return `${label} … ${detail}`.trimEnd();
  const full = Math.round(fraction * BAR);
  return `${label} [${'='.repeat(full)}${' '.repeat(BAR - full)}] ${String(Math.floor(fraction * 100)).padStart(3)} % ${detail}`.trimEnd();
};
