using System.Text.Json;
using Serving.Tokenization;
using Serving.Tokenization.Templates;

namespace Serving.Tests.Tokenization;

public sealed class ChatTemplateTests
{
    private static readonly FixedTime _time = new(new DateTimeOffset(2024, 7, 26, 12, 5, 9, TimeSpan.Zero));
    private static readonly ChatMessage[] _hello = [new("user", "Hello")];

    public static TheoryData<string> Names
    {
        get
        {
            using var golden = Golden();
            return [.. golden.RootElement.GetProperty("templates").EnumerateObject().Select(template => template.Name)];
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Templates_of_the_families_render_as_Jinja_renders_them(string name)
    {
        using var golden = Golden();
        var template = Template(golden.RootElement.GetProperty("templates").GetProperty(name).GetString()!);
        var cases = golden.RootElement.GetProperty("rendered").EnumerateArray().Where(c => c.GetProperty("name").GetString() == name).ToList();

        Assert.NotEmpty(cases);
        Assert.All(cases, golden =>
        {
            ChatMessage[] messages = [.. golden.GetProperty("messages").EnumerateArray()
                .Select(m => new ChatMessage(m.GetProperty("role").GetString()!, m.GetProperty("content").GetString()!))];
            if (golden.TryGetProperty("text", out var text))
            {
                Assert.Equal(text.GetString(), template.Render(messages));
            }
            else
            {
                Assert.Contains("cannot render", Assert.Throws<TokenizerException>(() => template.Render(messages)).Message);
            }
        });
    }

    [Theory]
    [InlineData("{{ strftime_now('%Y-%m-%d %H:%M:%S %B %a %A %j') }}", "%j")]
    [InlineData("{{ raise_exception('No system role: ' + messages[0].role) }}", "it says: No system role: user")]
    [InlineData("{{ messages[5].content }}", "item 5 of 1")]
    [InlineData("{{ nothing.at.all }}", "\"nothing\", which is undefined")]
    [InlineData("{{ 'a' + 1 }}", "\"+\" cannot be used on a text and a number")]
    [InlineData("{{ none.strip() }}", "none has no method strip")]
    [InlineData("{% set messages.x = 1 %}", "is no namespace")]
    [InlineData("{{ 1 // 0 }}", "by 0")]
    public void A_template_that_refuses_a_conversation_says_why(string template, string why)
    {
        var error = Assert.Throws<TokenizerException>(() => Template(template).Render(_hello));

        Assert.Contains("cannot render these messages", error.Message);
        Assert.Contains(why, error.Message);
    }

    [Theory]
    [InlineData("a\nb {% include 'x' %}", "{% include %}", "line 2, column 6: b {% include 'x' %}")]
    [InlineData("{{ messages | sort }}", "the filter \"sort\"", "line 1, column 15")]
    [InlineData("{{ messages is cat }}", "the test \"cat\"", "column 16")]
    [InlineData("{{ messages.append(1) }}", "the method \"append\"", "column 13")]
    [InlineData("{{ open('x') }}", "the function \"open\"", "column 4")]
    [InlineData("{% for m in messages %}{{ m }}", "{% endfor %} is missing", "line 1")]
    [InlineData("{% if true %}", "{% endif %} is missing", "line 1")]
    [InlineData("{{ 'open }}", "is not closed", "column 4")]
    [InlineData("{{ a", "is not closed", "column 1")]
    [InlineData("{# a", "is not closed", "column 1")]
    [InlineData("{{ a b }}", "\"b\" is not understood here", "column 6")]
    [InlineData("{{ }}", "not understood here", "column 4")]
    [InlineData("{% endfor %}", "{% endfor %}", "column 4")]
    [InlineData("{% break %}", "outside a loop", "column 4")]
    [InlineData("{{ a ? b }}", "the character \"?\"", "column 6")]
    [InlineData("{% for x in messages recursive %}{% endfor %}", "\"recursive\"", "column 22")]
    public void What_is_not_understood_is_refused_when_the_template_is_loaded(string template, string construct, string place)
    {
        var error = Assert.Throws<TokenizerException>(() => Template(template));

        Assert.Contains("tokenizer_config.json", error.Message);
        Assert.Contains(construct, error.Message);
        Assert.Contains(place, error.Message);
    }

    [Theory]
    [InlineData("{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}", "steps and characters")]
    [InlineData("{% for a in range(1000000000) %}x{% endfor %}", "range of more than")]
    [InlineData("{% set ns = namespace(x='xxxxxxxxxxxxxxxx') %}{% for a in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}", "steps and characters")]
    [InlineData("{{ 'x' * 100000000000 }}", "steps and characters")]
    [InlineData("{% set ns = namespace(x='a') %}{% for a in range(60) %}{% set ns.x = ns.x | replace('a', 'aaaaaaaa') %}{% endfor %}", "steps and characters")]
    [InlineData("{% set ns = namespace(x=[]) %}{% for a in range(90000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}", "nested more than")]
    [InlineData("{% set ns = namespace(x=[]) %}{% for a in range(90000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x == [ns.x] }}", "nested more than")]
    [InlineData("{% set ns = namespace(x=[]) %}{% for a in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}", "steps and characters")]
    [InlineData("{% set ns = namespace(x=[]) %}{% for a in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | string }}", "steps and characters")]
    [InlineData("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}", "nested more than")]
    [InlineData("{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}", "nested more than")]
    public void Rendering_is_bounded_whatever_the_template_says(string template, string bound)
    {
        Assert.Contains(bound, Assert.Throws<TokenizerException>(() => Template(template).Render(_hello)).Message);
    }

    [Fact]
    public void Odd_numbers_and_arguments_are_no_crash()
    {
        const string least = "(0 - 9223372036854775807 - 1)";
        var text = Template(
            $"{{{{ {least} // -1 }}}} {{{{ {least} % -1 }}}} {{{{ {least} is divisibleby(-1) }}}} {{{{ {least} | abs }}}} {{{{ 'ab'.startswith(prefix='a') }}}} "
            + "{{ '😀bc'[0] }}{{ '😀bc'[::-1] }}{{ 'abc'[-2:] }}{{ 'abc'[9:] }}{{ [1, 2, 3][-9:2] }}{{ messages[0].content[1:3] }}").Render(_hello);

        Assert.EndsWith("True 😀cb😀bc[1, 2]el", text);
        Assert.Throws<TokenizerException>(() => Template("{{ a.99999999999999999999 }}"));
        Assert.Equal("", Template("{{ messages[99999999999999999999] }}").Render(_hello));
    }

    [Fact]
    public void Nesting_and_size_of_a_template_are_bounded()
    {
        var brackets = "{{ " + new string('[', 10_000) + new string(']', 10_000) + " }}";
        var blocks = string.Concat(Enumerable.Repeat("{% if true %}", 10_000));
        var negations = "{{ " + string.Concat(Enumerable.Repeat("not ", 10_000)) + "true }}";
        var chain = "{{ 1" + string.Concat(Enumerable.Repeat(" + 1", 10_000)) + " }}";

        Assert.Contains("nested more than", Assert.Throws<TokenizerException>(() => Template(brackets)).Message);
        Assert.Contains("nested more than", Assert.Throws<TokenizerException>(() => Template(blocks)).Message);
        Assert.Contains("nested more than", Assert.Throws<TokenizerException>(() => Template(negations)).Message);
        Assert.Contains("nested more than", Assert.Throws<TokenizerException>(() => Template(chain).Render(_hello)).Message);
        Assert.Contains("longer than", Assert.Throws<TokenizerException>(() => Template(new string('x', 300_000))).Message);
    }

    [Fact]
    public void The_date_comes_from_the_given_clock()
    {
        Assert.Equal("26 Jul 2024, 7/26 12:05:09 PM 100%", Template("{{ strftime_now('%d %b %Y, %-m/%d %H:%M:%S %p 100%%') }}").Render(_hello));
    }

    [Fact]
    public void Special_tokens_that_the_folder_does_not_name_are_undefined()
    {
        Assert.Equal("<s>||no", Template("{{ bos_token }}|{{ pad_token }}|{{ 'yes' if pad_token is defined else 'no' }}").Render(_hello));
    }

    private static ChatTemplate Template(string text) => new(
        "tokenizer_config.json", text, new Dictionary<string, string> { ["bos_token"] = "<s>", ["eos_token"] = "</s>" }, _time);

    private static JsonDocument Golden() => JsonDocument.Parse(File.ReadAllText(Path.Combine(GoldenData.Folder, "templates.golden.json")));

    private sealed class FixedTime(DateTimeOffset now) : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => now;
    }
}
