/** Checks the docs against the code: the error table, links between files, commands that README and docs show. `--write` renews the error table. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ROOT } from './lib.mjs';

const dist = (path) => import(join(ROOT, 'dist', 'src', path));
const { ERRORS } = await dist('errors.js');

const escape = (text) => text.replaceAll('|', '\\|');

/** docs/errors.md as the table in src/errors.ts has it. */
export function errorsPage() {
  const rows = Object.entries(ERRORS)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { exit, http, message, hint }]) => `| \`${code}\` | ${exit} | ${http} | ${escape(message)} | ${escape(hint)} |`);
  return `# Errors

Every failure has a stable code. The command line prints one line with it and the way out (with \`--json\` as \`{ "error": { code, message, hint } }\`)
and ends with the exit code; the library throws a \`TaraError\` with \`code\`, \`fields\`, \`hint\`; the server answers with the HTTP status.
Words in braces are filled in.

| code | exit | HTTP | message | way out |
|---|---|---|---|---|
${rows.join('\n')}
`;
}

const problems = [];
const page = join(ROOT, 'docs', 'errors.md');
if (process.argv.includes('--write')) writeFileSync(page, errorsPage());
if (!existsSync(page) || readFileSync(page, 'utf8') !== errorsPage()) problems.push('docs/errors.md is not src/errors.ts: run `npm run docs:check -- --write`');

/** Markdown files of the project itself. */
function* pages(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (['node_modules', 'vendor', 'dist', 'build', '.git', 'bench'].includes(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* pages(path);
    else if (entry.name.endsWith('.md')) yield path;
  }
}

const { commandNames } = await dist('cli/names.js');
const commands = new Set(await commandNames());
const scripts = new Set(Object.keys(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts));

for (const path of pages(ROOT)) {
  const text = readFileSync(path, 'utf8');
  const name = relative(ROOT, path);
  for (const [, target] of text.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)/g)) {
    if (!existsSync(join(dirname(path), target))) problems.push(`${name}: the link ${target} leads nowhere`);
  }
  for (const [, command] of text.matchAll(/^\s*(?:\$ )?(?:npx )?tara-gguf ([a-z][a-z-]*)/gm)) {
    if (!commands.has(command)) problems.push(`${name}: there is no command ${command}`);
  }
  for (const [, script] of text.matchAll(/npm run ([a-z:-]+)/g)) {
    if (!scripts.has(script)) problems.push(`${name}: there is no npm script ${script}`);
  }
  for (const [code] of text.matchAll(/\bTARA_[A-Z]+_[A-Z_]+\b/g)) {
    const known = code in ERRORS || /^TARA_(GGUF_ADDON|TEST_MODEL|API_KEY|EMBEDDING_MODEL|LLAMA_BIN|LLAMA_LOG|BUILD_LOG)$/.test(code);
    if (!known) problems.push(`${name}: there is no error or variable ${code}`);
  }
}

for (const problem of problems) console.error(problem);
console.log(`docs: ${problems.length === 0 ? 'in step with the code' : `${problems.length} problems`}`);
process.exit(problems.length === 0 ? 0 : 1);
