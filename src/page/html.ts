/** The frame of a page and its smallest parts. Everything is in the one file: no script, nothing from elsewhere. */
import { escapeHtml as e } from './draw.js';
import { STYLE } from './style.js';

export const figure = (svg: string, caption: string): string => `<figure class="wide" tabindex="0">${svg}<figcaption>${e(caption)}</figcaption></figure>`;

export const facts = (pairs: readonly (readonly [string, string])[]): string => `<dl>${pairs.map(([name, value]) => `<div><dt>${e(name)}</dt><dd>${e(value)}</dd></div>`).join('')}</dl>`;

/** A table that scrolls by itself where it is wider than the page. Cells are texts; the first of a row is its heading. `kind` is `text` where words outnumber figures. */
export const htmlTable = (label: string, headings: readonly string[], rows: readonly (readonly string[])[], kind: 'figures' | 'text' = 'figures'): string => `<div class="scroll" tabindex="0" role="region" aria-label="${e(label)}"><table class="${kind}">
<thead><tr>${headings.map((heading) => `<th scope="col">${e(heading)}</th>`).join('')}</tr></thead>
<tbody>${rows.map(([first = '', ...cells]) => `<tr><th scope="row">${e(first)}</th>${cells.map((cell) => `<td>${e(cell)}</td>`).join('')}</tr>`).join('\n')}</tbody></table></div>`;

/** `main` is HTML. */
export const htmlPage = (title: string, main: string): string => `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${e(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${main}
</main>
</body>
</html>
`;
