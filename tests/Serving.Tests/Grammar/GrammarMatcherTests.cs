using System.Text;
using System.Text.Json;
using Serving.Grammar;
using Xunit;

namespace Serving.Tests.Grammar;

public sealed class GrammarMatcherTests
{
    [Theory]
    [InlineData("""{"type":"object"}""", """{"a":1,"b":[true,null,{"c":"\n\u00e9é"}], "d":-0.5e-3}""")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["b"]}""", """{"b":"x"}""", """{"a": 5, "b": "x"}""")]
    [InlineData("""{"properties":{"a":{"type":"integer"}}}""", "{}", """{"a":5}""")]
    [InlineData("""{"type":["string","null"]}""", "null", "\"\"", "\"😀\"")]
    [InlineData("""{"enum":["red",5,null,{"a":[1]}]}""", "\"red\"", "5", "null", """{"a":[1]}""")]
    [InlineData("""{"type":"string","enum":["red",5]}""", "\"red\"")]
    [InlineData("""{"const":"é<>&"}""", "\"é<>&\"")]
    [InlineData("""{"type":"array","items":{"type":"boolean"},"minItems":2,"maxItems":3}""", "[true,false]", "[true, false, true]")]
    [InlineData("""{"type":"string","minLength":1,"maxLength":2}""", "\"é\"", "\"\\u00e9x\"")]
    [InlineData("""{"anyOf":[{"type":"object","properties":{"a":{"const":1}},"required":["a"]},{"type":"object","properties":{"a":{"const":2}},"required":["a"]}]}""", """{"a":1}""", """{"a":2}""")]
    [InlineData("""{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},"required":["next"],"additionalProperties":false}}}""", """{"next":null}""", """{"v":1,"next":{"next":{"v":2,"next":null}}}""")]
    [InlineData("""{"type":"object","additionalProperties":{"type":"integer"}}""", "{}", """{"x":1,"y":2}""")]
    [InlineData("""{"anyOf":[{"$ref":"#"},{"type":"null"}]}""", "null")]
    [InlineData("true", "[[]]", "0")]
    public void Values_that_satisfy_a_schema_are_followed_to_their_end(string schema, params string[] values)
    {
        foreach (var value in values)
        {
            var state = Follow(schema, value);
            Assert.True(state.Accepts, value);
            Assert.Equal(0, state.Distance);
        }
    }

    [Theory]
    [InlineData("""{"type":"object"}""", "[", "{,", "{\"a\"1", "{\"a\":01", "{\"a\":\"\u0001", "{\"a\":1}}", "{ ", "{\"a\":1,}", "{\"a\":\"\\ud800")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["b"]}""", "{}", "{\"a\":5}", "{\"c\"", "{\"b\":\"x\",\"a\"", "{\"a\":5.")]
    [InlineData("""{"type":"array","items":{"type":"boolean"},"minItems":2,"maxItems":3}""", "[]", "[true]", "[true,true,true,")]
    [InlineData("""{"type":"string","minLength":1,"maxLength":2}""", "\"\"", "\"abc")]
    [InlineData("""{"enum":["red"]}""", "\"rot", "\"red\" ")]
    [InlineData("""{"type":"integer"}""", "1.", "-a", "01", "1234567890123456")]
    public void What_a_schema_does_not_allow_is_a_dead_end(string schema, params string[] beginnings)
    {
        foreach (var beginning in beginnings)
        {
            Assert.True(Follow(schema, beginning) == GrammarMatcher.Dead, beginning);
        }
    }

    [Theory]
    [InlineData("\"type\":\"string\",\"pattern\":\"a+\"", ".pattern", true)]
    [InlineData("\"type\":\"integer\",\"minimum\":1", ".minimum", true)]
    [InlineData("\"properties\":{\"a\":{\"type\":\"string\",\"format\":\"date\"}}", ".properties.a.format", true)]
    [InlineData("\"type\":\"array\",\"items\":{\"oneOf\":[]}", ".items.oneOf", true)]
    [InlineData("\"anyOf\":[{\"type\":\"null\"}],\"type\":\"null\"", ".type", true)]
    [InlineData("\"anyOf\":[]", ".anyOf", false)]
    [InlineData("\"anyOf\":[{\"allOf\":[]}]", ".anyOf[0].allOf", true)]
    [InlineData("\"type\":\"text\"", ".type", false)]
    [InlineData("\"type\":\"string\",\"maxLength\":-1", ".maxLength", false)]
    [InlineData("\"type\":\"string\",\"minLength\":3,\"maxLength\":2", ".maxLength", false)]
    [InlineData("\"type\":\"object\",\"required\":\"a\"", ".required", false)]
    [InlineData("\"type\":\"object\",\"required\":[\"a\"],\"additionalProperties\":false", ".required", false)]
    [InlineData("\"$ref\":\"http://x/y\"", ".$ref", true)]
    [InlineData("\"$ref\":\"#/$defs/none\"", ".$ref", false)]
    [InlineData("\"type\":\"string\",\"enum\":[1]", "", false)]
    [InlineData("\"$ref\":\"#\"", "", false)]
    [InlineData("\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]", "", false)]
    [InlineData("\"minLength\":1", ".minLength", false)]
    public void A_schema_that_cannot_be_followed_names_the_keyword(string keywords, string path, bool unsupported)
    {
        var exception = Assert.Throws<GrammarException>(() => Grammar($"{{{keywords}}}"));

        Assert.Equal((path, unsupported), (exception.Path, exception.Unsupported));
        Assert.True(exception.Fault.Length > 8);
    }

    [Fact]
    public void A_schema_that_would_cost_too_much_is_refused()
    {
        var links = string.Join(',', Enumerable.Range(0, 9000).Select(i => $"\"d{i}\":{{\"$ref\":\"#/$defs/d{i + 1}\"}}"));
        var members = string.Join(',', Enumerable.Range(0, 600).Select(i => $"\"p{i}\":true"));
        var chain = "{\"$ref\":\"#/$defs/d0\",\"$defs\":{" + links + "}}";
        var values = "{\"enum\":[" + string.Join(',', Enumerable.Range(0, 5000)) + "]}";
        var properties = "{\"properties\":{" + members + "}}";

        Assert.All((string[])[chain, values, properties], schema => Assert.True(Assert.Throws<GrammarException>(() => Grammar(schema)).Unsupported));
    }

    [Fact]
    public void A_long_text_with_many_states_goes_on_after_they_are_forgotten()
    {
        const string schema = """{"type":"array","items":{"type":"string","maxLength":20000}}""";
        var item = "\"" + new string('x', 19_999) + "\"";
        var text = "[" + string.Join(", ", item, item, item) + "]";

        Assert.True(Follow(schema, text).Complete);
    }

    [Fact]
    public void The_shortest_way_from_any_state_leads_to_a_whole_value()
    {
        foreach (var schema in RandomSchema.Some(60))
        {
            var matcher = new GrammarMatcher(Grammar(schema));
            var random = new Random(1);
            for (var round = 0; round < 20; round++)
            {
                var state = matcher.Start;
                var text = new List<byte>();
                for (var steps = random.Next(200); steps > 0 && !state.Complete; steps--)
                {
                    state = Any(matcher, state, random, text, next => true);
                }

                for (var distance = state.Distance; distance > 0; distance--)
                {
                    Assert.Equal(distance, state.Distance);
                    state = Any(matcher, state, random, text, next => next.Distance == distance - 1);
                }

                Assert.True(state.Accepts);
                using var value = JsonDocument.Parse(text.ToArray());
                Assert.Null(RandomSchema.Fault(JsonDocument.Parse(schema).RootElement, value.RootElement));
            }
        }
    }

    private static GrammarState Any(GrammarMatcher matcher, GrammarState state, Random random, List<byte> text, Func<GrammarState, bool> wanted)
    {
        byte[] bytes = [.. Enumerable.Range(0, 256).Select(b => (byte)b).Where(b => matcher.Step(state, b) is var next && next != GrammarMatcher.Dead && wanted(next))];
        Assert.NotEmpty(bytes);
        text.Add(bytes[random.Next(bytes.Length)]);
        return matcher.Step(state, text[^1]);
    }

    private static GrammarState Follow(string schema, string text)
    {
        var matcher = new GrammarMatcher(Grammar(schema));
        return Encoding.UTF8.GetBytes(text).Aggregate(matcher.Start, matcher.Step);
    }

    private static JsonGrammar Grammar(string schema)
    {
        using var document = JsonDocument.Parse(schema);
        return JsonGrammar.OfSchema(document.RootElement);
    }
}
