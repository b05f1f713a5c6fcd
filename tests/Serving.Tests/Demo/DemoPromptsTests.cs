using Serving.Demo;
using Serving.Testing;
using Serving.Tokenization;

namespace Serving.Tests.Demo;

public sealed class DemoPromptsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Installed_descriptions_are_the_indented_lines_without_the_synopsis()
    {
        string[] status =
        [
            "Package: one", "Description: a synopsis", " First line of a description that is long enough to be used,", " second line.", " .", " Second paragraph.",
            "Homepage: none", "", "Package: two", "Description: short", " Too short.", "",
        ];

        var description = Assert.Single(DemoPrompts.Installed(status));

        Assert.Equal("First line of a description that is long enough to be used, second line.\nSecond paragraph.", description);
    }

    [Fact]
    public void Descriptions_are_cut_at_a_word_to_what_the_policy_reads()
    {
        TinyPolicy.Write(_folder.Path);
        var tokenizer = TextTokenizer.Load(_folder.Path);
        var path = _folder.File("prompts.jsonl");
        var text = string.Join(' ', Enumerable.Repeat("http://example.invalid/~x?y=1", 60));
        File.WriteAllLines(path, [$"{{\"document\":\"{text}\"}}", "{\"document\":\"short\"}"]);

        var (descriptions, _) = DemoPrompts.Load(path, tokenizer);

        Assert.Equal("short", descriptions[1]);
        Assert.StartsWith(descriptions[0], text);
        Assert.EndsWith("y=1", descriptions[0]);
        Assert.InRange(tokenizer.Encode(descriptions[0]).Length, 100, 192);
    }

    [Fact]
    public void A_line_without_a_document_is_named()
    {
        TinyPolicy.Write(_folder.Path);
        var path = _folder.File("prompts.jsonl");
        File.WriteAllLines(path, ["{\"document\":\"fine\"}", "{\"text\":\"no\"}"]);

        var error = Assert.Throws<InvalidDataException>(() => DemoPrompts.Load(path, TextTokenizer.Load(_folder.Path)));

        Assert.Contains("prompts.jsonl, line 2", error.Message);
    }

    public void Dispose() => _folder.Dispose();
}
