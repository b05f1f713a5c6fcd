using System.Text.Json;
using Serving.Grammar;
using Serving.Inference;
using Serving.Tests.Grammar;
using Xunit;

namespace Serving.Tests.Inference;

public sealed class GrammarSamplingTests(PolicyFixture policy) : IClassFixture<PolicyFixture>
{
    private const string Person =
        """
        {"type":"object","properties":{"name":{"type":"string","minLength":1,"maxLength":12},"age":{"type":"integer"},
         "tags":{"type":"array","items":{"enum":["a","b","long one"]},"maxItems":3},"mail":{"anyOf":[{"type":"null"},{"type":"string","maxLength":5}]}},
         "required":["name","age"],"additionalProperties":false}
        """;

    private const string Tree =
        """
        {"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"v":{"type":"boolean"},
         "kids":{"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["v","kids"],"additionalProperties":false}}}
        """;

    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Person, 1f)]
    [InlineData(Person, 0f)]
    [InlineData(Person, 2f)]
    [InlineData(Tree, 1.5f)]
    [InlineData("""{"type":"array","items":{"type":"number"},"minItems":1}""", 1f)]
    [InlineData("""{"type":"string"}""", 1f)]
    [InlineData("true", 1.3f)]
    public async Task Answers_satisfy_their_schema_whatever_the_seed(string schema, float temperature)
    {
        using var engine = policy.Engine(slots: 16);
        using var document = JsonDocument.Parse(schema);
        var prompt = PolicyFixture.Prompt(20);
        for (var seed = 0UL; seed < 10; seed++)
        {
            var sampling = new SamplingParameters { Grammar = JsonGrammar.OfSchema(document.RootElement), Seed = seed, Temperature = temperature, MaxTokens = 90 };
            foreach (var candidate in await engine.SampleAsync(new SampleRequest(prompt, sampling, 16), null, _token))
            {
                Assert.True(candidate.Whole, candidate.Text);
                Assert.Equal(FinishReason.Stop, candidate.FinishReason);
                using var value = JsonDocument.Parse(candidate.Text);
                Assert.Null(document.RootElement.ValueKind == JsonValueKind.True ? null : RandomSchema.Fault(document.RootElement, value.RootElement));
            }
        }
    }

    [Fact]
    public async Task Answers_satisfy_random_schemas()
    {
        using var engine = policy.Engine(slots: 8);
        var (whole, all) = (0, 0);
        foreach (var schema in RandomSchema.Some(40))
        {
            using var document = JsonDocument.Parse(schema);
            var sampling = new SamplingParameters { Grammar = JsonGrammar.OfSchema(document.RootElement), Seed = (ulong)all, MaxTokens = 100 };
            foreach (var candidate in await engine.SampleAsync(new SampleRequest(PolicyFixture.Prompt(12), sampling, 8), null, _token))
            {
                all++;
                whole += candidate.Whole ? 1 : 0;
                if (candidate.Whole)
                {
                    using var value = JsonDocument.Parse(candidate.Text);
                    Assert.Null(RandomSchema.Fault(document.RootElement, value.RootElement));
                }
            }
        }

        Assert.True(whole > all * 0.8, $"{whole} of {all}: only schemas whose shortest value is beyond the limit may stay open");
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_bytes_alone_and_in_company()
    {
        using var document = JsonDocument.Parse(Person);
        var sampling = new SamplingParameters { Grammar = JsonGrammar.OfSchema(document.RootElement), Seed = 5, MaxTokens = 80, TopK = 60, TopP = 0.95f };
        var prompt = PolicyFixture.Prompt(20);
        using var alone = policy.Engine(slots: 1);
        using var together = policy.Engine(slots: 16);

        var company = together.SampleAsync(new SampleRequest(prompt, sampling with { Grammar = null, Seed = 9 }, 9), null, _token);
        var group = await together.SampleAsync(new SampleRequest(prompt, sampling, 6), null, _token);
        await company;

        for (var i = 0; i < 6; i++)
        {
            var single = (await alone.SampleAsync(new SampleRequest(prompt, sampling, 1, FirstCandidate: i), null, _token))[0];
            Assert.Equal((single.Text, single.FinishReason), (group[i].Text, group[i].FinishReason));
            Assert.Equal(single.Tokens, group[i].Tokens);
            Assert.Equal(single.SampledLogProbs, group[i].SampledLogProbs);
        }

        Assert.Equal(6, group.Select(candidate => candidate.Text).Distinct().Count());
    }

    [Fact]
    public async Task Log_probs_are_the_models_and_sampled_ones_are_under_the_mask()
    {
        using var engine = policy.Engine();
        using var document = JsonDocument.Parse("""{"enum":["red","blue"]}""");
        var prompt = PolicyFixture.Prompt(9);
        var sampling = new SamplingParameters { Grammar = JsonGrammar.OfSchema(document.RootElement), MaxTokens = 20, Seed = 1 };

        var candidate = (await engine.SampleAsync(new SampleRequest(prompt, sampling), null, _token))[0];

        var scores = await engine.ScoreTokensAsync(prompt, candidate.Tokens, _token);
        for (var i = 0; i < candidate.Tokens.Length; i++)
        {
            Assert.Equal(scores[i], candidate.LogProbs[i], 1e-4);
            Assert.True(candidate.SampledLogProbs[i] >= candidate.LogProbs[i] - 1e-4);
        }

        Assert.Contains(candidate.Text, (string[])["\"red\"", "\"blue\""]);
        Assert.Equal(0, candidate.SampledLogProbs[^1], 1e-3);         // nothing else was left
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public async Task A_limit_that_is_too_small_ends_an_answer_in_the_middle(int limit)
    {
        using var engine = policy.Engine();
        using var document = JsonDocument.Parse("""{"const":"0123456789 0123456789 0123456789"}""");
        var sampling = new SamplingParameters { Grammar = JsonGrammar.OfSchema(document.RootElement), MaxTokens = limit };

        var candidate = (await engine.SampleAsync(new SampleRequest(PolicyFixture.Prompt(9), sampling), null, _token))[0];

        Assert.Equal((FinishReason.Length, false), (candidate.FinishReason, candidate.Whole));
        Assert.StartsWith(candidate.Text, "\"0123456789 0123456789 0123456789\"", StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stop_string_cuts_a_constrained_answer_too()
    {
        using var engine = policy.Engine();
        using var document = JsonDocument.Parse("""{"const":"one two"}""");
        var sampling = new SamplingParameters { Grammar = JsonGrammar.OfSchema(document.RootElement), Stop = ["two"] };

        var candidate = (await engine.SampleAsync(new SampleRequest(PolicyFixture.Prompt(9), sampling), null, _token))[0];

        Assert.Equal(("\"one ", FinishReason.Stop, false), (candidate.Text, candidate.FinishReason, candidate.Whole));
    }
}
