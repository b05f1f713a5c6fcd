using System.Text;
using Microsoft.ML.Tokenizers;
using Serving.Testing;
using Serving.Tokenization;

namespace Serving.Tests.Tokenization;

/// <summary>What holds for every text, tried on random ones.</summary>
public sealed class TokenizerPropertyTests : IDisposable
{
    private static readonly string[] _lossless = ["gpt2", "llama3", "cl100k", "o200k", "llama2", "gemma", "unigram-bytes"];
    private static readonly string[] _streamed = [.. _lossless, "qwen2", "roberta", "mistral", "t5", "xlmr", "bert-uncased", "bpe-unk"];

    private readonly string _folder = Directory.CreateTempSubdirectory("serving-property-").FullName;

    public static TheoryData<string> Lossless => [.. _lossless];

    public static TheoryData<string> Streamed => [.. _streamed];

    [Theory]
    [MemberData(nameof(Lossless))]
    public void Decoding_gives_back_any_text(string name)
    {
        var tokenizer = Load(name);

        Assert.All(Texts(300, seed: 1), text => Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text))));
    }

    [Theory]
    [MemberData(nameof(Streamed))]
    public void A_stream_gives_what_the_whole_gives_for_any_ids(string name)
    {
        var tokenizer = Load(name);
        var random = new Random(2);
        for (var round = 0; round < 200; round++)
        {
            int[] ids = [.. Enumerable.Range(0, random.Next(30)).Select(_ => random.Next(tokenizer.VocabularySize + 2))];
            var decoder = tokenizer.CreateDecoder();

            Assert.Equal(tokenizer.Decode(ids), string.Concat(ids.Select(decoder.Append)) + decoder.Flush());
        }
    }

    [Theory]
    [MemberData(nameof(Streamed))]
    public void Bytes_of_an_answer_are_the_text_behind_its_prompt(string name)
    {
        // An answer is decoded from BytesOf alone; behind any prompt it must read as it does in the whole.
        var tokenizer = Load(name);
        var prompt = tokenizer.Encode("The prompt");
        foreach (var text in Texts(100, seed: 3))
        {
            var answer = tokenizer.Encode(text);
            var bytes = answer.SelectMany(id => tokenizer.BytesOf(id).ToArray()).ToArray();
            var whole = tokenizer.Decode([.. prompt, .. answer]);

            Assert.Equal(whole, tokenizer.Decode(prompt) + Encoding.UTF8.GetString(bytes));
        }
    }

    [Fact]
    public void Byte_level_ids_equal_those_of_Microsoft_ML_Tokenizers()
    {
        const string pattern = @"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
        var vocabulary = BytePairTrainer.Train(Texts(500, seed: 4), 1_000, []);
        vocabulary.Write(_folder);
        var other = BpeTokenizer.Create(new BpeOptions(vocabulary.Entries.Select((entry, id) => new KeyValuePair<string, int>(entry, id)))
        {
            Merges = vocabulary.Merges,
            ByteLevel = true,
            PreTokenizer = new RegexPreTokenizer(new System.Text.RegularExpressions.Regex(pattern), null),
        });
        var ours = TextTokenizer.Load(_folder);

        Assert.All(Texts(300, seed: 5, astralLetters: false), text => Assert.Equal(other.EncodeToIds(text), ours.Encode(text)));
    }

    [Fact]
    public void Half_a_surrogate_pair_is_encoded_as_the_replacement_character()
    {
        var tokenizer = Load("gpt2");

        Assert.Equal(tokenizer.Encode("a\uFFFDb\uFFFD"), tokenizer.Encode("a\uD83Db\uDE00"));
    }

    [Fact]
    public void An_emoji_split_over_tokens_appears_whole()
    {
        var tokenizer = Load("llama2");
        var ids = tokenizer.Encode("x 👩‍🚀");
        var decoder = tokenizer.CreateDecoder();
        var pieces = ids.Select(decoder.Append).ToList();

        Assert.Equal("x 👩‍🚀", string.Concat(pieces) + decoder.Flush());
        Assert.Equal(3, pieces.Count(piece => piece is "👩" or "\u200D" or "🚀"));       // of 4, 3 and 4 byte tokens
        Assert.True(ids.Length > 11);
    }

    [Fact]
    public void The_shipped_models_encode_as_the_library_does()
    {
        var tokenizer = TextTokenizer.Load(Path.Combine(Repository.Root, "models", "student", "1"));
        var text = "libfoo-dev: development files — Grüße 日本 🚀\n\n  don't";

        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
        Assert.Equal([1, .. tokenizer.Encode("x"), 3], tokenizer.Encode("<s>x<sum>"));
        Assert.Equal("<s>hi<sum>", tokenizer.ApplyChatTemplate([new("user", "hi")]));
    }

    [Fact]
    public void Threads_may_share_a_tokenizer()
    {
        var tokenizer = Load("gpt2");
        var texts = Texts(200, seed: 6).ToArray();
        var alone = Load("gpt2", "again");
        var expected = texts.Select(alone.Encode).ToArray();

        Parallel.For(0, 8 * texts.Length, i => Assert.Equal(expected[i % texts.Length], tokenizer.Encode(texts[i % texts.Length])));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static IEnumerable<string> Texts(int count, int seed, bool astralLetters = true)
    {
        var random = new Random(seed);
        string[] words = [" the", "token", " don't", "12", " 345", "\n", "  ", "\r\n", "é", "日本", "👩‍🚀", " x", ".", ",", "e\u0301", "\t", "한"];
        for (var i = 0; i < count; i++)
        {
            var text = new StringBuilder();
            for (var length = random.Next(20); length > 0; length--)
            {
                text.Append(random.Next(4) switch
                {
                    0 or 1 => words[random.Next(words.Length)],
                    2 => ((char)random.Next(0x20, 0x7F)).ToString(),
                    _ => char.ConvertFromUtf32(random.Next(3) == 0 && astralLetters ? random.Next(0x10000, 0x11000) : random.Next(0xA0, 0xD800)),
                });
            }

            yield return text.ToString();
        }
    }

    private TextTokenizer Load(string name, string part = "one")
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder, part)).FullName;
        File.Copy(Path.Combine(GoldenData.Folder, $"{name}.tokenizer.json"), Path.Combine(folder, "tokenizer.json"));
        return TextTokenizer.Load(folder);
    }
}
