using System.Text.Json;
using Serving.Tokenization;

namespace Serving.Tests.Tokenization;

public sealed class ChatTemplateFileTests : IDisposable
{
    private static readonly ChatMessage[] _hello = [new("user", "Hello")];

    private readonly string _folder = Directory.CreateTempSubdirectory("serving-template-").FullName;

    public ChatTemplateFileTests() => BytePairTrainer.Train(["a"], 260, ["<s>"]).Write(_folder);

    [Fact]
    public void Of_named_templates_the_default_one_is_taken()
    {
        Config(new { chat_template = new[] { new { name = "tool_use", template = "tools" }, new { name = "default", template = "D {{ messages[0].content }}" } } });

        Assert.Equal("D Hello", TextTokenizer.Load(_folder).ApplyChatTemplate(_hello));
    }

    [Fact]
    public void Named_templates_without_a_default_are_refused()
    {
        Config(new { chat_template = new[] { new { name = "tool_use", template = "tools" } } });

        Assert.Contains("tool_use, but none named \"default\"", Assert.Throws<TokenizerException>(() => TextTokenizer.Load(_folder)).Message);
    }

    [Fact]
    public void A_separate_template_file_goes_before_the_configuration()
    {
        Config(new { chat_template = "from the configuration", eos_token = new { content = "</s>" } });
        File.WriteAllText(Path.Combine(_folder, "special_tokens_map.json"), """{"bos_token":"<b>","eos_token":"<other>"}""");
        File.WriteAllText(Path.Combine(_folder, "chat_template.jinja"), "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}");

        Assert.Equal("<b>Hello</s>", TextTokenizer.Load(_folder).ApplyChatTemplate(_hello));
    }

    [Fact]
    public void The_error_of_a_separate_file_names_it()
    {
        File.WriteAllText(Path.Combine(_folder, "chat_template.jinja"), "{% import 'x' %}");

        Assert.Contains("chat_template.jinja", Assert.Throws<TokenizerException>(() => TextTokenizer.Load(_folder)).Message);
    }

    [Fact]
    public void A_folder_without_a_template_says_so_when_one_is_needed()
    {
        Assert.Contains("no chat_template", Assert.Throws<TokenizerException>(() => TextTokenizer.Load(_folder).ApplyChatTemplate(_hello)).Message);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Config<T>(T value) => File.WriteAllText(Path.Combine(_folder, "tokenizer_config.json"), JsonSerializer.Serialize(value));
}
