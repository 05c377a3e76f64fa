/** How axes and texts of drawings look. */

export const TEXT = { color: 'var(--ink)', fontSize: 13 } as const;
export const MUTED = { color: 'var(--muted)', fontSize: 12 } as const;
const GRID = { lineStyle: { color: 'var(--line)' } } as const;
export const AXIS = { axisLabel: MUTED, axisLine: GRID, axisTick: GRID, splitLine: GRID, nameTextStyle: TEXT } as const;

/** Texts are measured without the reader's font, which may be wider. */
const MARGIN = 20;
/** Room for the names and labels of axes within the drawing. */
export const fitted = (top: number, right: number): object => ({ left: MARGIN, right, top, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'all' });
