using Serving.Tokenization;

namespace Serving.Tests.Tokenization;

public sealed class TextTokenizerTests : IDisposable
{
    private static readonly string[] _corpus =
    [
        "The quick brown fox jumps over the lazy dog. The lazy dog sleeps.",
        "libfoo-dev contains the development headers of libfoo; libfoo is a library for parsing foo files.",
        "Grüße aus Köln, naïve café — 日本語のテキスト, emoji 👩‍🚀🚀 and\ttabs\n\nnew lines   with spaces",
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("serving-tokenizer-").FullName;
    private readonly TextTokenizer _tokenizer;

    public TextTokenizerTests()
    {
        BytePairTrainer.Train(Enumerable.Repeat(_corpus, 3).SelectMany(texts => texts), 400, ["<pad>", "<s>", "</s>", "<sum>"])
            .Write(_folder, "{{ bos_token }}{{ messages[-1]['content'] }}<sum>");
        _tokenizer = TextTokenizer.Load(_folder);
    }

    [Theory]
    [InlineData("The quick brown fox")]
    [InlineData(" leading and trailing ")]
    [InlineData("Grüße 日本語 👩‍🚀🚀 \u2028 \0 end")]
    [InlineData("a\r\n\tb   c")]
    [InlineData("don't they'll WE'VE 12345 ...!?")]
    public void Decoding_gives_back_the_encoded_text(string text)
    {
        Assert.Equal(text, _tokenizer.Decode(_tokenizer.Encode(text)));
    }

    [Fact]
    public void Frequent_words_become_single_tokens_and_merges_apply_in_order_of_priority()
    {
        Assert.Single(_tokenizer.Encode(" the"));
        Assert.Single(_tokenizer.Encode(" lazy"));
        Assert.True(_tokenizer.Encode("xyzzy").Length > 1);
    }

    [Fact]
    public void Special_tokens_written_in_the_text_are_one_id_and_decode_to_nothing()
    {
        var ids = _tokenizer.Encode("<s>the lazy dog<sum>");

        Assert.Equal(1, ids[0]);
        Assert.Equal(3, ids[^1]);
        Assert.Equal("the lazy dog", _tokenizer.Decode(ids));
    }

    [Fact]
    public void A_stream_never_shows_half_a_character()
    {
        const string text = "日本 👩‍🚀🚀 é";
        var decoder = _tokenizer.CreateDecoder();
        var pieces = _tokenizer.Encode(text).Select(decoder.Append).ToList();

        Assert.Equal(text, string.Concat(pieces) + decoder.Flush());
        Assert.DoesNotContain(pieces, piece => piece.Contains('\uFFFD'));
        Assert.Contains("", pieces);                                              // some token held only a part of a character
    }

    [Fact]
    public void An_unfinished_character_at_the_end_is_shown_as_replacement()
    {
        var decoder = _tokenizer.CreateDecoder();
        var half = _tokenizer.IdOf("ð")!.Value;                                   // byte F0 opens a four-byte character

        Assert.Equal("", decoder.Append(half));
        Assert.Equal("\uFFFD", decoder.Flush());
    }

    [Fact]
    public void The_chat_template_renders_the_last_turn_between_its_markers()
    {
        Assert.Equal("<s>second<sum>", _tokenizer.ApplyChatTemplate([new("user", "first"), new("user", "second")]));
    }

    [Fact]
    public void Training_twice_gives_the_same_vocabulary()
    {
        Assert.Equal(BytePairTrainer.Train(_corpus, 350, ["<s>"]).Merges, BytePairTrainer.Train(_corpus, 350, ["<s>"]).Merges);
    }

    [Fact]
    public void The_first_merge_is_the_most_frequent_pair()
    {
        Assert.Equal("a b", BytePairTrainer.Train(["abab abab", "ba"], 257, []).Merges[0]);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
