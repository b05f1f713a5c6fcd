// Our own text for the small vocabularies, and the strings that they are tried on.

export const corpus = [
  'The tokenizer reads a text and gives back numbers; the numbers name the parts of the text, and the parts put together are the text again.',
  'A good tokenizer never loses a character. It keeps spaces, tabs and line ends, it keeps 12 numbers and 3.14 others, and it keeps what it has never seen.',
  "We don't know what they'll write, so we've made it take everything: it's the only way that they're happy and I'm not woken at night.",
  'Packages contain libraries, libraries contain functions, functions contain errors; the development files are in another package.',
  'Grüße aus Köln und Zürich, où le café est très bon, naïve façade, señor mañana, Ångström, smörgåsbord, živjo, çok güzel.',
  '日本語のテキストと中文的文字还有한국어 문장도 조금 있습니다。これはテストです。这是一个测试。',
  'Привет мир, как дела? Всё хорошо. Γειά σου Κόσμε. नमस्ते दुनिया। مرحبا بالعالم. שלום עולם. สวัสดีชาวโลก.',
  'def main(args):\n    for i in range(10):\n        print("value", i)  # comment\n    return {"a": [1, 2, 3], "b": None}\n',
  'Emoji 😀 👍🏽 👩‍🚀 🇩🇪 come at the end 🚀🚀, and so do symbols ½ ² ① ™ € £ ± × ÷ √ ∑ → ⇒ ★.',
  'playing played player plays unplayable replay; running runner runs; happiest happier happy unhappy happily; token tokens tokenized tokenization.',
];

const long = 'pneumono' + 'ultramicroscopic'.repeat(6) + 'silicovolcanoconiosis';

export const strings = [
  '', ' ', '  ', '\n', '\n\n\n', '\t', 'a', 'hello', 'Hello World', ' leading space', 'trailing space ', '  two  spaces   three  ', 'a\tb\nc\r\n\r\nd',
  'The quick brown fox jumps over the lazy dog.', "I'm don't WE'LL they've 'S x's 'tis y'all rock'n'roll", "can't've 'Re 'LL 'd",
  '1 12 123 1234 12345.67 1,234,567', '½ ² Ⅷ ٣٤ १२ ③', 'café naïve Ångström Zürich', 'cafe\u0301 n\u0303 a\u0308\u0323 q\u0307\u0323 e\u0301\u0302\u0303',
  '日本語のテキスト。中文字符,한국어 텍스트', '한국어 \u1112\u1161\u11ab\u1100\u1173\u11af', 'ﬁﬂ ㎏ Ａｂｃ１２ ｶﾞ ﷺ ㍿', '👩‍🚀🚀🇩🇪👍🏽 x😀y 👨‍👩‍👧‍👦', '😀'.repeat(9),
  '𝒳𝓎 𠀀𠀁 a𠀀b 𝟘𝟙 a𝒳1𝟘', '\u0000\u0001\u0007\u007f\u0085\u200b\u200d\ufeff\u00ad|', 'x\u00a0y\u3000z\u2003w\u2028v\u2029u', 'İstanbul ΑΣΑΣ ŒUVRE ǅ ß ẞ',
  '<s>hi</s> <unk><pad> [CLS] [MASK]x [SEP]', '<|begin_of_text|>hi<|im_start|>user\nhi<|im_end|>\n', 'a<s>b <s> c  <s>  d', 'x[MASK] [MASK]y [MASK].[MASK]',
  long, '!!!???...---___ ....', '"quoted" (paren) [br] {x} a/b\\c @#$%^&*~`|', 'foo_bar fooBar FOO.bar http://example.org/?q=1&r=2',
  'नमस्ते दुनिया สวัสดี مرحبا שלום', 'Привет, мир! Γειά σου', '▁under ▁▁score▁', '  \n  x\n\n   y\n ', "'ſ ſ K Å", '\ud7ff \ue000 \ufffd', 'ⒶⒷ 🄰🅰x _x_',
  'a' + ' '.repeat(20) + 'b', 'a'.repeat(70), 'def f(x):\n    return x+1  # comment\n', 'the tokenizer tokenizes tokens, happily replaying unplayable text',
  'x\u200cy\u200dz', '\u0e33\u0ec0', " 's", '\u2581 a', 'word,word;word:word', 'words sword a word é wordé', '© 2024 — “quotes” … ‘single’', 'ok.Next sentence!And?',
];

// A small generator of reproducible numbers (Park and Miller).
export function randomOf(seed) {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}
