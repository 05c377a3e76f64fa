/**
 * Strings that tokenizers disagree about, the same on every run: written by hand class by class, then drawn from the same
 * alphabets by a small generator. Lone surrogates are already U+FFFD, as UTF-8 has them.
 */

/** What kind of trouble a string is, and the string. */
export interface Nasty {
  readonly kind: string;
  readonly text: string;
}

const HAND: Readonly<Record<string, readonly string[]>> = {
  empty: ['', ' ', '  ', '\n', '\t', '\r\n', '\u00a0', '\u3000', '\u200b'],
  spaces: [
    ...[3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100, 127, 257].map((count) => ' '.repeat(count)),
    ...[1, 2, 3, 4, 8, 16].map((count) => `a${' '.repeat(count)}b`), ' leading', '  leading', 'trailing ', 'trailing  ', ' both ', '  both  ', ' a  b   c    d     e ', 'word   \n   word', '   \n\n   \n',
  ],
  newlines: [...[2, 3, 4, 5, 8, 17, 40].map((count) => '\n'.repeat(count)), 'a\nb', 'a\n\nb', 'a\n\n\nb', 'a\r\nb', 'a\rb', '\r\r\r', '\n\r\n\r', 'a \nb', 'a\n b', 'a \n b', '\n a', 'a\u2028b', 'a\u2029b', 'a\u0085b', 'a\u000bb', 'a\fb'],
  tabs: ['\t\t', '\t\t\t\t', 'a\tb', 'a\t\tb', '\ta', 'a\t', '\t \t ', ' \t\n', '\tif x:\n\t\treturn\n', '\t'.repeat(33), 'col1\tcol2\tcol3\n1\t2\t3'],
  blanks: ['\u00a0a', 'a\u00a0b', 'a\u00a0\u00a0b', '\u2003a', 'a\u2009b', 'a\u3000b', 'a\u1680b', 'a\u180eb', 'a\u200bb', 'a\u200cb', 'a\u200db', 'a\ufeffb', '\ufeffa', 'a\u2060b', 'a\u00adb', 'a\u202fb', 'a\u205fb', '▁', '▁a', 'a▁b', '▁▁', ' ▁ '],
  words: ['Hello world', 'hello World!', 'The quick brown fox jumps over the lazy dog.', 'antidisestablishmentarianism', 'camelCaseWord', 'snake_case_word', 'SCREAMING_CASE', 'kebab-case-word', 'a', 'A', 'I', 'x y z', 'aB cD', 'Mr. O\u2019Neil', 'e.g., i.e., etc.', 'naïve façade', 'coöperate', 'Straße', 'STRASSE', 'ﬁ ﬂ ﬃ', 'Ångström', 'İstanbul', 'ıspanak', 'ǅungla', 'ŉ', 'ß', 'ẞ', 'ſ'],
  contractions: ["I'm", "I'M", "don't", "DON'T", "we've", "WE'VE", "he'll", "HE'LL", "she'd", "they're", "THEY'RE", "it's", "IT'S", "'s", "'S", "'tis", "rock 'n' roll", "y'all'd've", "'re'", "''s", "a's", "1's", "'\u017f", "it'\u017f", "\u2019s it\u2019s", "l'été", "d'Artagnan", "'LL 'll 'Ll 'lL", "'VE've", "'  s"],
  numbers: ['0', '1', '12', '123', '1234', '12345', '123456', '1234567', '12345678901234567890', '3.14159', '1,234,567.89', '1e10', '-5', '+7', '0x1F', '1st 2nd', '2024-11-05T10:20:30Z', '50%', '$9.99', '½ ¼ ¾', '²³¹', 'x²', 'H₂O', 'Ⅷ', '①②③', '٣٤٥', '१२३', '๑๒๓', '１２３', '𝟏𝟐𝟑', '1 2 3', '1  2', 'a1b22c333', '3 33 333 3333 33333', '192.168.0.1', '1/2', '1:2:3', '٫٬', '௧௨௩', '〇一二三'],
  punctuation: ['!', '!!', '!!!', '?!?!', '...', '....', '…', '---', '--', '—', '–', '===', '==>', '<=', '<!-- c -->', '()', '[]{}', '"quoted"', '“quoted”', '‘q’', '«q»', '„q“', '¡Hola!', '¿Qué?', '。、！？', '·•∙', '#hash @at', '&amp; &lt;', '~`^|\\/', '*bold* _it_ `code`', '\\n', '\\u0041', '$%^&*', '¶§†‡', '©®™', '€£¥₹₿', '←↑→↓', '∑∏√∞≠≤≥', '♠♥♦♣', '``````', "''''''", '""""', '.!.!', ' .', ' ,', '( a )', 'a.b,c;d:e', '‿⁀', '﹏', '＿'],
  emoji: ['😀', '😀😀', '😀 😀', 'a😀b', '👍', '👍🏽', '👍🏿👍🏻', '👨‍👩‍👧‍👦', '👩🏽‍💻', '🏳️‍🌈', '🏴‍☠️', '🇩🇪', '🇩🇪🇫🇷🇯🇵', '🇩', '❤️', '❤', '☺️', '1️⃣', '#️⃣', '🫠', '🫨🩷', '🧑‍🚀 on 🌕', '😶‍🌫️', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '✅', '✔️', '🅰️', '㊗️', '🦙🦙', '🚀 (normal)', '👁️‍🗨️', '\u200d', '\ufe0f', '🤷🏾‍♀️!', ':-) ;) :D'],
  cjk: ['你好', '你好世界', '我想在apple工作1314151天～', '今天天气很好。', '日本語のテキスト', 'カタカナ', 'ひらがな', 'ｶﾀｶﾅ', '東京タワー2024年', '한국어', '안녕하세요 세계', 'ㄱㄴㄷ', '각각', '繁體中文', '简体中文', '㐀㐁', '𠀀𠀁𠮷', '豈更車', '丽丸', '々〆〇', '「引用」『二重』', '，。！？；：', 'Ａｂｃ１２３', 'ㄅㄆㄇ', '㈱㍿', '中英mixed混合text', '漢字かな交じり文', '〜～', '🈚有'],
  rtl: ['שלום', 'שלום עולם', 'שָׁלוֹם', 'مرحبا', 'مرحبا بالعالم', 'مُحَمَّد', 'لا إله', 'ﷺ', 'ﻼ', 'اَلْعَرَبِيَّةُ', 'عربي english عربي', '\u202eabc\u202c', '\u200fא\u200e', '٠١٢٣٤٥٦٧٨٩', 'فارسی می‌خواهم', 'اردو', 'ייִדיש', 'ܫܠܡܐ', 'ދިވެހި', '؟،؛'],
  scripts: ['Привет мир', 'нещо на Български', 'Ελληνικά', 'Ἀθῆναι', 'Հայերեն', 'ქართული', 'हिन्दी', 'क्षत्रिय', 'বাংলা', 'தமிழ்', 'తెలుగు', 'ಕನ್ನಡ', 'മലയാളം', 'ไทย', 'ภาษาไทยไม่มีช่องว่าง', 'ລາວ', 'မြန်မာ', 'កាន់តែពិសេសអាច', 'བོད་ཡིག', 'አማርኛ', 'ᏣᎳᎩ', 'ᚠᚢᚦ', '𐍈𐍉', '𓀀𓀁', '𝓗𝓮𝓵𝓵𝓸', '𝕳𝖊𝖑𝖑𝖔', 'ⓗⓔⓛⓛⓞ', 'ʰᵉˡˡᵒ', 'ꙮ', 'Việt Nam tiếng', 'Ýmislegt', 'ŁÓDŹ', 'Ðð Þþ'],
  marks: ['e\u0301', 'é', 'e\u0301e\u0301', 'n\u0303o', 'a\u0308\u0323', 'a\u0323\u0308', '\u0301', ' \u0301', 'a\u0301\u0302\u0303\u0304\u0305', 'Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘', 'ㄱ\u1161', '\u1112\u1161\u11ab', '한', 'Å Å A\u030a', 'ﬀ', 'ϓ ϒ\u0301', 'क\u093c', 'क़', 'o\u0328\u0304', '1\u0301', '>\u0338', '=\u0338', 'İ i\u0307', 'ά ά', '\u0344', 'ṩ s\u0323\u0307 s\u0307\u0323'],
  control: ['\u0000', 'a\u0000b', '\u0001\u0002\u0003', '\u0007', 'a\bb', '\u001b[31mred\u001b[0m', '\u007f', '\u0080\u009f', 'a\u001fb', '\ufffd', 'a\ufffdb', '\ufffd\ufffd', '\uffff', '\ufdd0', '\u{10ffff}', '\u{e0041}', '\ue000', '\u{f0000}', '\u061c', '\u2066a\u2069', '\ufff9a\ufffa'],
  code: [
    'def f(x):\n    return x * 2\n', 'if (a == b) { return c; }', 'for (let i = 0; i < 10; i++) {\n\tconsole.log(i);\n}\n', '#include <stdio.h>\nint main(void) { printf("%d\\n", 42); }', 'SELECT * FROM t WHERE a = \'b\' AND c <> 1;', '<div class="x">&nbsp;</div>', '{"a": [1, 2.5, null, true], "b": {"c": "d"}}', 'x = lambda *a, **k: (a, k)', '    indented\n        more\n', 'a->b::c<d>()', '/* c */ // d', '#!/bin/sh\necho "$HOME" | sed \'s/a/b/g\'', 'https://example.com/path?q=1&r=2#frag', 'user@example.com', 'C:\\Users\\x\\y.txt', '/usr/local/bin', '--flag=value -x', 'a += b ?? c?.d!', '$\\frac{a}{b} \\le \\sum_{i=0}^n x_i$', 'import os, sys\n\n\nclass A:\n    pass\n\n', '\\begin{document}', '@decorator\nasync def g(): ...', 'let mut v: Vec<&\'a str> = vec![];', 'e3b0c44298fc1c149afbf4c8996fb924', 'aGVsbG8gd29ybGQ=', '0b1010_1100', 'A[i][j] = B{k}', '`${x}`', 'println!("{:?}", x);', '<?xml version="1.0"?>',
  ],
  specials: [
    '<s>', '</s>', '<unk>', '<pad>', '<bos>', '<eos>', '<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|im_start|>user\nhi<|im_end|>\n', 'a<|endoftext|>b', 'a <|endoftext|> b', '<|endoftext|><|endoftext|>', '<|endoftext', '|endoftext|>', '<|Endoftext|>', '<| endoftext |>', '[CLS]', '[SEP]', '[PAD]', '[MASK]', '[UNK]', 'a [MASK] b', '[CLS] a [SEP] b [SEP]', '[mask]', '[ MASK ]', '[INST] x [/INST]', '<<SYS>>', '<0x0A>', '<0xFF>', '<start_of_turn>user', '<|user|>', '<|assistant|>', '<|end|>', '<|end|>\n', '<repo_name>', '<file_sep>x', '<tool_call>{}</tool_call>', '<think>\n\n</think>\n\n', '<|fim_prefix|>', '##ing', '##', 'un##happy', '<|im_end|>\u0338', '[PAD151670]', '<mask>',
  ],
  runs: [
    'a'.repeat(50), 'a'.repeat(99), 'a'.repeat(100), 'a'.repeat(101), 'a'.repeat(500), 'ab'.repeat(200), 'é'.repeat(120), '中'.repeat(150), '0'.repeat(333), '!'.repeat(200), '😀'.repeat(40), '-'.repeat(80), '='.repeat(79), '\u0301'.repeat(30), 'x'.repeat(99) + ' y', `${'verylongword'.repeat(20)} tail`, 'لا'.repeat(60), '_'.repeat(130), 'Aa'.repeat(60), '.'.repeat(260), '\ufffd'.repeat(20), 'ก'.repeat(70), '#'.repeat(65), `${' '.repeat(20)}x${'\n'.repeat(20)}y`, '１'.repeat(40),
  ],
};

const ALPHABETS: Readonly<Record<string, readonly string[]>> = {
  'mixed words': ['the', 'The', 'ing', 'un', 'z', 'Q', "'s", "'T", '-', '_', ' ', '  ', '\n', 'é', 'ß', '7', '42', '.', ', ', 'ly'],
  'mixed blanks': [' ', '  ', '\t', '\n', '\r', '\r\n', '\u00a0', '\u3000', 'a', '.', '1', '\u2003', '\u200b'],
  'mixed signs': ['!', '?', '.', ',', '<', '>', '=', '/', '\\', '"', "'", '`', '(', ')', '{', '}', '$', '#', 'x', '0', ' ', '\n', '…', '—', '·'],
  'mixed scripts': ['a', 'ж', 'λ', 'ש', 'ع', 'क', '्', 'ท', '中', 'の', '한', 'ᄀ', 'ᅡ', '\u0301', '\u0308', ' ', '1', '٣', '，', 'Ａ', 'ﬁ', '²', '\u200d', '\u064b'],
  'mixed emoji': ['😀', '👩', '👨', '\u200d', '\ufe0f', '🏽', '🇩', '🇪', '❤', '☠', '1', '\u20e3', ' ', 'a', '💻', '🌈'],
  'mixed specials': ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '[MASK]', '[SEP]', '<s>', '</s>', ' ', '\n', 'a', 'word', '!', '  ', '▁', '<', '|', '>', '\u0301'],
};

/** mulberry32: a generator of 32-bit state (public domain, by Tommy Ettinger). */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function drawn(): Nasty[] {
  const next = generator(20241105);
  return Object.entries(ALPHABETS).flatMap(([kind, alphabet]) =>
    Array.from({ length: 40 }, () => ({ kind, text: Array.from({ length: 2 + next(24) }, () => alphabet[next(alphabet.length)] ?? '').join('') })),
  );
}

export const NASTY: readonly Nasty[] = [...Object.entries(HAND).flatMap(([kind, texts]) => texts.map((text) => ({ kind, text: text.toWellFormed() }))), ...drawn()];
