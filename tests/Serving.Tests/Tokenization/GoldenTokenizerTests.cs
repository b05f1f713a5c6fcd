using System.Text.Json;
using Serving.Tokenization;

namespace Serving.Tests.Tokenization;

/// <summary>
/// Ids and texts against lists made with the Hugging Face library itself; Golden/make-goldens.mjs makes vocabularies and lists anew.
/// </summary>
public sealed class GoldenTokenizerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("serving-golden-").FullName;

    public static TheoryData<string> Names =>
        [.. Directory.GetFiles(GoldenData.Folder, "*.tokenizer.json").Select(path => Path.GetFileName(path).Split(".tokenizer")[0]).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Ids_and_texts_equal_those_of_the_Hugging_Face_library(string name)
    {
        var tokenizer = Load(name);
        using var golden = JsonDocument.Parse(File.ReadAllText(Path.Combine(GoldenData.Folder, $"{name}.golden.json")));
        var cases = golden.RootElement.GetProperty("cases").EnumerateArray().ToList();

        Assert.NotEmpty(cases);
        Assert.All(cases, golden =>
        {
            var text = golden.GetProperty("text").GetString()!;
            Assert.Equal(Ids(golden, "ids"), tokenizer.Encode(text));
            Assert.Equal(Ids(golden, "whole"), tokenizer.EncodeWithSpecials(text));
            Assert.Equal(golden.GetProperty("decoded").GetString(), tokenizer.Decode(Ids(golden, "ids")));
        });
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_stream_gives_the_text_of_the_whole_and_never_half_a_character(string name)
    {
        var tokenizer = Load(name);
        using var golden = JsonDocument.Parse(File.ReadAllText(Path.Combine(GoldenData.Folder, $"{name}.golden.json")));

        Assert.All(golden.RootElement.GetProperty("cases").EnumerateArray(), golden =>
        {
            var decoder = tokenizer.CreateDecoder();
            var pieces = Ids(golden, "ids").Select(decoder.Append).ToList();
            Assert.Equal(golden.GetProperty("decoded").GetString(), string.Concat(pieces) + decoder.Flush());
            Assert.DoesNotContain(pieces, piece => piece.Length > 0 && char.IsHighSurrogate(piece[^1]));
        });
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private TextTokenizer Load(string name)
    {
        File.Copy(Path.Combine(GoldenData.Folder, $"{name}.tokenizer.json"), Path.Combine(_folder, "tokenizer.json"));
        return TextTokenizer.Load(_folder);
    }

    private static int[] Ids(JsonElement golden, string field) => [.. golden.GetProperty(field).EnumerateArray().Select(id => id.GetInt32())];
}
