/** Changes values in a .env file, line by line: comments, order, line ends and everything else stay. */

const LINE = /^(\s*(?:export\s+)?)([A-Za-z_][A-Za-z0-9_]*)(\s*=)(.*)$/;
/** Blanks, the value, and a comment that stays with it. */
const VALUE = /^(\s*)("(?:[^"\\]|\\.)*"|'[^']*'|[^#]*?)(\s+#.*|\s*)$/;

/** As dotenv readers take it. */
const written = (value: string): string => (/^[\w./:@%+,-]*$/.test(value) ? value : `"${value.replace(/(["\\$`])/g, '\\$1')}"`);

/** The text with these keys set; every line that has one of them, since readers differ in which of several counts. */
export function setEnv(before: string | null, values: Readonly<Record<string, string>>): string {
  const text = before ?? '';
  const end = text.includes('\r\n') ? '\r\n' : '\n';
  const found = new Set<string>();
  const lines = text.split(/\r?\n/).map((line) => {
    const [, head = '', key = '', equals = '', value = ''] = LINE.exec(line) ?? [];
    if (!Object.hasOwn(values, key)) return line;
    found.add(key);
    const [, blanks = '', own = value, comment = ''] = VALUE.exec(value) ?? [];
    // Some readers take a comment after nothing for the value.
    const wanted = written(values[key] ?? '') || (comment.includes('#') ? '""' : '');
    return own === wanted ? line : `${head}${key}${equals}${wanted === '' ? '' : blanks}${wanted}${comment.trimEnd()}`;
  });
  const missing = Object.keys(values).filter((key) => !found.has(key));
  if (missing.length === 0) return lines.join(end);
  const ended = lines.at(-1) === '' ? lines.slice(0, -1) : lines;
  return [...ended, ...missing.map((key) => `${key}=${written(values[key] ?? '')}`), ''].join(end);
}
