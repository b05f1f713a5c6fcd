// The tokenizer.json files of the golden lists: every model kind, in the manner of the published families.
import { byteLevel, charsMap, sentencePiece, unigram, wordPiece } from './vocabularies.mjs';

const gpt2 = /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
const llama3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const cl100k = "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+";
const o200k = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
  + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
  + "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const qwen2 = llama3.replace('\\p{N}{1,3}', '\\p{N}');

const added = (id, content, more = {}) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true, ...more });
const specials = (...contents) => contents.map((content, id) => added(id, content));
const bytes = (more = {}) => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false, ...more });
const split = (regex, behavior = 'Isolated', invert = false) => ({ type: 'Split', pattern: { Regex: regex }, behavior, invert });
const sequence = (key, ...parts) => ({ type: 'Sequence', [key]: parts });
const bpe = (model, more = {}) => ({
  type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false,
  ...more, ...model,
});
const file = (parts) => ({
  version: '1.0', truncation: null, padding: null, added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...parts,
});
const template = (before, after, ids) => ({
  type: 'TemplateProcessing',
  single: [...before.map((id) => ({ SpecialToken: { id, type_id: 0 } })), { Sequence: { id: 'A', type_id: 0 } }, ...after.map((id) => ({ SpecialToken: { id, type_id: 0 } }))],
  pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
  special_tokens: Object.fromEntries(Object.entries(ids).map(([id, number]) => [id, { id, ids: [number], tokens: [id] }])),
});
const pieceDecoder = (strip) => sequence('decoders',
  { type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }, ...(strip ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []));
const metaspace = (more = {}) => ({ type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true, ...more });
const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
const letters = Object.fromEntries(['[UNK]', ...ascii, ...ascii.map((c) => '##' + c), ...'éü日本😀▁'].map((entry, id) => [entry, id]));
const spelling = { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab: letters };
const spelled = (pre_tokenizer, normalizer = null) => file({ pre_tokenizer, normalizer, decoder: { type: 'WordPiece', prefix: '##', cleanup: false }, model: spelling });

const rules = [
  ['Ａ', 'A'], ['ｂ', 'b'], ['ｃ', 'c'], ['１', '1'], ['ﬁ', 'fi'], ['ﬂ', 'fl'], ['½', '1/2'], ['①', '1'], ['\u3000', ' '], ['\u00a0', ' '], ['\u2003', ' '], ['\t', ' '],
  ['\n', ' '], ['\r', ' '], ['\u200b', ' '], ['\u0001', ''], ['\u0007', ''], ['\u00ad', ''], ['e\u0301', 'é'], ['n\u0303', 'ñ'], ['a\u0323\u0308', 'ạ̈'], ['ｶﾞ', 'ガ'], ['ﷺ', 'صلى'],
  ['…', '...'], ['“', '"'], ['”', '"'],
].sort((a, b) => Buffer.compare(Buffer.from(a[0]), Buffer.from(b[0])));

const llamaSpecials = ['<unk>', '<s>', '</s>'];
const imTokens = (first) => ['<|endoftext|>', '<|im_start|>', '<|im_end|>'].map((content, i) => added(first + i, content));

export function makeTokenizers() {
  const gpt = byteLevel([], 500, gpt2);
  const size = Object.keys(gpt.vocab).length;
  const roberta = byteLevel(['<s>', '<pad>', '</s>', '<unk>', '[MASK]'], 400, gpt2);
  const piece = sentencePiece(llamaSpecials, true, 500);
  const gemma = sentencePiece(['<pad>', '<eos>', '<bos>', '<unk>'], true, 500);
  const plain = sentencePiece(['<unk>', '<s>', '</s>'], false, 200);
  const t5 = unigram(['<pad>', '</s>', '<unk>'], false, 600);
  const xlmr = unigram(['<s>', '<pad>', '</s>', '<unk>'], false, 400);
  const bertSpecials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
  return {
    'gpt2': file({ added_tokens: [added(size, '<|endoftext|>')], pre_tokenizer: bytes({ use_regex: true }), decoder: bytes(), model: bpe(gpt), post_processor: bytes() }),
    'llama3': file({
      added_tokens: [added(size, '<|begin_of_text|>'), added(size + 1, '<|eot_id|>')],
      pre_tokenizer: sequence('pretokenizers', split(llama3), bytes()),
      post_processor: sequence('processors', bytes(), template(['<|begin_of_text|>'], [], { '<|begin_of_text|>': size })),
      decoder: bytes(),
      model: bpe({ ...gpt, merges: gpt.merges.slice(0, 300) }, { ignore_merges: true }),
    }),
    'qwen2': file({
      added_tokens: [...imTokens(size), added(size + 3, '<think>', { special: false })],
      normalizer: { type: 'NFC' }, pre_tokenizer: sequence('pretokenizers', split(qwen2), bytes()), decoder: bytes(), post_processor: bytes(), model: bpe(gpt),
    }),
    'cl100k': file({ pre_tokenizer: sequence('pretokenizers', split(cl100k, 'Removed', true), bytes()), decoder: bytes(), model: bpe(gpt) }),
    'o200k': file({ pre_tokenizer: sequence('pretokenizers', split(o200k), bytes()), decoder: bytes(), model: bpe(gpt) }),
    'roberta': file({
      added_tokens: [...specials('<s>', '<pad>', '</s>', '<unk>'), added(4, '[MASK]', { lstrip: true }),
        added(Object.keys(roberta.vocab).length, '[SEP]', { rstrip: true }), added(Object.keys(roberta.vocab).length + 1, 'word', { single_word: true, special: false }),
        added(Object.keys(roberta.vocab).length + 2, '[CLS]', { lstrip: true, rstrip: true, normalized: true })],
      pre_tokenizer: bytes({ add_prefix_space: true, use_regex: true }),
      post_processor: { type: 'RobertaProcessing', sep: ['</s>', 2], cls: ['<s>', 0], trim_offsets: true, add_prefix_space: true },
      decoder: bytes(), model: bpe(roberta, { unk_token: '<unk>' }),
    }),
    'llama2': file({
      added_tokens: specials(...llamaSpecials),
      normalizer: sequence('normalizers', { type: 'Prepend', prepend: '▁' }, { type: 'Replace', pattern: { String: ' ' }, content: '▁' }),
      post_processor: template(['<s>'], [], { '<s>': 1 }), decoder: pieceDecoder(true),
      model: bpe(piece, { unk_token: '<unk>', fuse_unk: true, byte_fallback: true }),
    }),
    'mistral': file({
      added_tokens: specials(...llamaSpecials), pre_tokenizer: metaspace({ prepend_scheme: 'first', split: false }),
      post_processor: template(['<s>'], [], { '<s>': 1 }), decoder: pieceDecoder(true),
      model: bpe(piece, { unk_token: '<unk>', fuse_unk: true, byte_fallback: true }),
    }),
    'gemma': file({
      added_tokens: [...specials('<pad>', '<eos>', '<bos>', '<unk>'), ...[2, 4, 8].map((n) => added(gemma.vocab['▁'.repeat(n)], '▁'.repeat(n), { special: false }))],
      normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
      post_processor: template(['<bos>'], [], { '<bos>': 2 }), decoder: pieceDecoder(false),
      model: bpe({ ...gemma, merges: gemma.merges.map((m) => m.join(' ')) }, { unk_token: '<unk>', fuse_unk: true, byte_fallback: true }),
    }),
    'bpe-unk': file({
      added_tokens: specials(...llamaSpecials), pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: true }, decoder: metaspace(),
      model: bpe(plain, { unk_token: '<unk>' }),
    }),
    'bpe-fused-unk': file({
      added_tokens: specials(...llamaSpecials), pre_tokenizer: metaspace({ prepend_scheme: 'never' }), decoder: metaspace({ prepend_scheme: 'never' }),
      model: bpe(plain, { unk_token: '<unk>', fuse_unk: true }),
    }),
    't5': file({
      added_tokens: [...specials('<pad>', '</s>', '<unk>'), added(t5.length, '<extra_id_0>')],
      normalizer: { type: 'Precompiled', precompiled_charsmap: charsMap(rules) },
      pre_tokenizer: sequence('pretokenizers', { type: 'WhitespaceSplit' }, metaspace()),
      post_processor: template([], ['</s>'], { '</s>': 1 }), decoder: metaspace(), model: { type: 'Unigram', unk_id: 2, vocab: t5 },
    }),
    'xlmr': file({
      added_tokens: [...specials('<s>', '<pad>', '</s>', '<unk>'), added(xlmr.length, '[MASK]', { lstrip: true })],
      normalizer: sequence('normalizers', { type: 'Nmt' }, { type: 'NFKC' }, { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' }, { type: 'Strip', strip_left: false, strip_right: true }),
      pre_tokenizer: metaspace(), post_processor: template(['<s>'], ['</s>'], { '<s>': 0, '</s>': 2 }), decoder: metaspace(),
      model: { type: 'Unigram', unk_id: 3, vocab: xlmr },
    }),
    'unigram-bytes': file({
      added_tokens: specials(...llamaSpecials), normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' }, decoder: pieceDecoder(false),
      model: { type: 'Unigram', unk_id: 0, byte_fallback: true, vocab: unigram(llamaSpecials, true, 300) },
    }),
    'bert-uncased': file({
      added_tokens: specials(...bertSpecials),
      normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true }, pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: template(['[CLS]'], ['[SEP]'], { '[CLS]': 2, '[SEP]': 3 }), decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab: wordPiece(bertSpecials, true, 900) },
    }),
    'bert-cased': file({
      added_tokens: specials(...bertSpecials),
      normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: false, strip_accents: false, lowercase: false }, pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] }, decoder: { type: 'WordPiece', prefix: '##', cleanup: false },
      model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 40, vocab: wordPiece(bertSpecials, false, 700) },
    }),
    'words-digits': spelled(sequence('pretokenizers', { type: 'Whitespace' }, { type: 'Digits', individual_digits: true })),
    'punctuation': spelled(sequence('pretokenizers', { type: 'WhitespaceSplit' }, { type: 'Punctuation', behavior: 'Contiguous' }, { type: 'Digits', individual_digits: false })),
    'accents': spelled({ type: 'WhitespaceSplit' }, sequence('normalizers', { type: 'Strip', strip_left: true, strip_right: false }, { type: 'NFKD' }, { type: 'StripAccents' }, { type: 'Lowercase' })),
    'decomposed': spelled({ type: 'WhitespaceSplit' }, sequence('normalizers', { type: 'NFD' }, { type: 'Replace', pattern: { Regex: '\\p{Mn}' }, content: "'" })),
    ...Object.fromEntries(['Isolated', 'Removed', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'].flatMap((behavior) => [false, true].map((invert) =>
      [`split-${behavior}${invert ? '-inverted' : ''}`, spelled({ type: 'Split', pattern: { Regex: '[,.\\s\\w]' }, behavior, invert })]))),
    'split-string': spelled({ type: 'Split', pattern: { String: 'or' }, behavior: 'MergedWithNext', invert: false }),
  };
}
