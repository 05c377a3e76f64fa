/** Chromium without a window: opens a page, says what it made of it. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** TARA_CHROMIUM, else what is called so on the PATH. */
export const chromium = process.env['TARA_CHROMIUM']
  ?? (process.env['PATH'] ?? '').split(delimiter).flatMap((folder) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(folder, name))).find((path) => existsSync(path));

if (chromium === undefined) console.log('skipped: pages are not opened without chromium on the PATH or TARA_CHROMIUM');

export interface View {
  readonly scheme: 'light' | 'dark';
  readonly width: number;
}

/** What the page looks like from inside of it. */
export interface Probe {
  /** Of the drawings, in pixels. */
  readonly drawings: readonly { readonly label: string; readonly width: number; readonly height: number }[];
  /** Texts of drawings that reach over their edges. */
  readonly clipped: readonly string[];
  /** Elements of drawings with a colour that no variable gave. */
  readonly black: readonly string[];
  readonly scheme: string;
  /** Colour of the page and of its text. */
  readonly colors: readonly [page: string, ink: string];
  /** Pixels that the page is wider than the window. */
  readonly overflow: number;
}

/** Runs in the page. */
const PROBE = readFileSync(new URL('./probe.js', import.meta.url), 'utf8');

async function run(view: View, mode: readonly string[], url: string, profile: string): Promise<{ stdout: string; stderr: string }> {
  return execute(chromium ?? '', [
    '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--enable-logging=stderr', `--user-data-dir=${profile}`,
    `--blink-settings=preferredColorScheme=${view.scheme === 'dark' ? 0 : 1}`, `--window-size=${view.width},1200`, ...mode, url,
  ], { maxBuffer: 64 << 20, timeout: 90_000 });
}

export interface Opened {
  readonly probe: Probe;
  /** PNG. */
  readonly screenshot: Uint8Array;
  /** What the page wrote to the console, or could not load. */
  readonly complaints: readonly string[];
}

/** Opens a page that has no scripts: a copy with one looks at itself, the page as it is is photographed. */
export async function open(html: string, view: View): Promise<Opened> {
  const folder = mkdtempSync(join(tmpdir(), 'tara-chromium-'));
  try {
    const [page, probing, picture, profile] = ['page.html', 'probing.html', 'page.png', 'profile'].map((name) => join(folder, name)) as [string, string, string, string];
    await writeFile(page, html);
    await writeFile(probing, html.replace('</body>', `<script>${PROBE}</script></body>`));
    const dumped = await run(view, ['--dump-dom'], pathToFileURL(probing).href, profile);
    const photographed = await run(view, [`--screenshot=${picture}`], pathToFileURL(page).href, profile);
    const [, found = ''] = /data-probe="([^"]+)"/.exec(dumped.stdout) ?? [];
    return {
      probe: JSON.parse(Buffer.from(found, 'base64').toString('utf8')) as Probe,
      screenshot: await readFile(picture),
      complaints: `${dumped.stderr}\n${photographed.stderr}`.split('\n').filter((line) => /CONSOLE|ERR_/.test(line)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
