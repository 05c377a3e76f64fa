/** The page's style: colours are variables with a light and a dark value, which the charts use too. */

/** Bits per weight: each colour is for values below `below`, paler for fewer bits. */
export const SHADES = [
  { below: 3, label: 'under 3', light: '#e3edf9', dark: '#1c2c40' },
  { below: 4, label: '3 to 4', light: '#c2d9f2', dark: '#21415f' },
  { below: 5, label: '4 to 5', light: '#93bde8', dark: '#295b87' },
  { below: 6, label: '5 to 6', light: '#5f9bd8', dark: '#3a7ab3' },
  { below: 7, label: '6 to 7', light: '#3576bd', dark: '#5b9bd3' },
  { below: 9, label: '7 to 9', light: '#1d5394', dark: '#8fbfe8' },
  { below: Infinity, label: '16 and more', light: '#0c2f5c', dark: '#d3e6f8' },
] as const;

const variables = (mode: 'light' | 'dark'): string => SHADES.map((shade, index) => `--shade${index}:${shade[mode]};`).join('');

export const STYLE = `
:root{color-scheme:light dark;--page:#f6f7f9;--card:#ffffff;--ink:#1a1d23;--muted:#5a6270;--line:#dfe3e8;--accent:#0b62c4;--standard:#2c6fbb;--hybrid:#b4460f;--front:#0f7a45;--good:#e5f4ec;
--part0:#7a4fb5;--part1:#c04a86;--part2:#2c6fbb;--part3:#1c8a72;--part4:#8a8f99;${variables('light')}}
@media (prefers-color-scheme:dark){:root{--page:#0f1216;--card:#171b21;--ink:#e8ebf0;--muted:#a2abb8;--line:#2d343e;--accent:#6cb0ff;--standard:#6aaaf0;--hybrid:#f59a5f;--front:#4fcb8b;--good:#153125;
--part0:#b395e6;--part1:#ec8fbd;--part2:#6aaaf0;--part3:#57c9ae;--part4:#9aa2ae;${variables('dark')}}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1120px;margin:0 auto;padding:40px 24px 64px}
h1{font-size:30px;line-height:1.2;margin:0 0 8px;letter-spacing:-.01em}
h2{font-size:20px;margin:0 0 4px}
p{margin:0 0 12px}
.lead{font-size:18px;max-width:75ch}
.muted,figcaption{color:var(--muted)}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:24px;margin-top:24px}
section>p{max-width:80ch}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(290px,1fr));gap:12px 24px;margin:20px 0 0}
dt{color:var(--muted);font-size:13px}
dd{margin:0;overflow-wrap:anywhere}
figure{margin:16px 0 0}
figcaption{font-size:14px;margin-top:6px}
svg{display:block;width:100%;height:auto}
svg text{font-family:inherit!important}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:7px 8px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
thead th{color:var(--muted);font-weight:600;vertical-align:bottom;white-space:normal}
th:first-child,table.text td,table.text th{text-align:left}
table.text td{white-space:normal;overflow-wrap:break-word;vertical-align:top}
table.text tbody th{vertical-align:top}
tbody th{font-weight:600}
small{display:block;font-weight:400;font-size:12px;color:var(--muted)}
th small{white-space:normal;min-width:170px}
tr.front th{color:var(--front)}
tr.front{background:var(--good)}
tr.reference{color:var(--muted)}
.multiples{display:grid;grid-template-columns:repeat(auto-fill,minmax(460px,1fr));gap:20px 28px;margin-top:16px}
.multiples figure{margin:0}
.multiples figcaption{color:var(--ink);font-size:14px;margin:0 0 4px}
.key{display:flex;flex-wrap:wrap;gap:6px 18px;font-size:13px;color:var(--muted);padding:0;margin:8px 0 0;list-style:none}
.key i{display:inline-block;width:14px;height:14px;border-radius:3px;margin-right:6px;vertical-align:-2px;border:1px solid var(--line)}
details{margin-top:16px}
summary{cursor:pointer;color:var(--accent)}
details table{font-size:12px}
footer{color:var(--muted);font-size:13px;margin-top:28px}
@media (max-width:760px){figure.wide{overflow-x:auto}figure.wide svg{min-width:760px}}
@media (max-width:560px){main{padding:24px 12px}section{padding:16px 12px}.multiples{grid-template-columns:1fr}}
@media print{section{break-inside:avoid}}
`.trim();
