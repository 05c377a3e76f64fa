/** Programs and archives, told by name or by their first bytes. */

export const PROGRAM = /\.(py|pyw|ipynb|sh|bash|zsh|fish|bat|cmd|ps1|vbs|js|mjs|cjs|ts|rb|pl|php|lua)$/i;
/** Files whose form is checked elsewhere, or that only people read. */
const HARMLESS = /\.(json|jsonl|txt|md|rst|csv|tsv|ya?ml|toml|safetensors|gguf|model|jinja2?|png|jpe?g|gif|svg|webp|pdf|bin|pt|pth|pkl|pickle|ckpt)$/i;
const ARCHIVE = /\.(zip|tar|tgz|tbz2|txz|gz|bz2|xz|zst|7z|rar|lz4|whl|egg|jar)$/i;
const EXECUTABLE = /\.(exe|dll|so(\.\d+)*|dylib|msi|com|scr|elf|wasm|class|apk)$/i;

export const mayHoldPrograms = (name: string): boolean => !HARMLESS.test(name);

const starts = (head: Buffer, ...bytes: readonly number[]): boolean => bytes.every((byte, index) => head[index] === byte);

/** What a file is, by its first bytes, then by its name. */
export function kindOfContent(name: string, head: Buffer): 'program' | 'executable' | 'archive' | undefined {
  if (starts(head, 0x23, 0x21)) return 'program';
  const magic = head.subarray(0, 4).toString('hex');
  // ELF, Mach-O (32 and 64 bits, either order, or several in one), WebAssembly, and DOS or Windows programs.
  if (['7f454c46', 'feedface', 'feedfacf', 'cefaedfe', 'cffaedfe', 'cafebabe', '0061736d'].includes(magic) || starts(head, 0x4d, 0x5a)) return 'executable';
  // ZIP (empty ones too), 7z, RAR, zstd; gzip, bzip2 and xz; tar has its mark further in.
  if (['504b0304', '504b0506', '377abcaf', '52617221', '28b52ffd'].includes(magic) || starts(head, 0x1f, 0x8b) || starts(head, 0x42, 0x5a, 0x68) || starts(head, 0xfd, 0x37, 0x7a, 0x58)) return 'archive';
  if (head.subarray(257, 262).toString('latin1') === 'ustar') return 'archive';
  if (EXECUTABLE.test(name)) return 'executable';
  return ARCHIVE.test(name) ? 'archive' : undefined;
}
