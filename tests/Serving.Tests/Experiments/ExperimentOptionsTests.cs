using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Configuration;
using Serving.Experiments;
using Serving.Testing;

namespace Serving.Tests.Experiments;

/// <summary>The section "Experiments", and the record that keeps its values with a decision.</summary>
public sealed class ExperimentOptionsTests
{
    [Fact]
    public void Without_settings_nothing_is_compared_and_the_file_beside_the_program_compares_automatically()
    {
        Assert.Equal(GateMode.Off, new ExperimentOptions().Gate);
        Assert.Equal(GateMode.Automatic, Bind(File.ReadAllText(Path.Combine(Repository.Root, "appsettings.json"))).Gate);
        Assert.Empty(Faults(new ExperimentOptions()));
    }

    [Fact]
    public void Every_value_can_be_set_and_guardrails_switched_off()
    {
        var options = Bind("""
            {"Experiments": {"Root": "r", "Gate": "Manual", "Margin": 0.1, "ShadowShare": 0.5, "CandidateShare": 0.1, "ControlShare": 0.01, "Alpha": 0.01, "MinPairs": 10,
              "MaxPairs": 20, "Judge": "other", "KlBudget": 1.5, "MustBeCheaper": false, "Guardrails": {"Support": null, "LongestLength": 2}}}
            """);

        Assert.Equal(("r", GateMode.Manual, 0.1, 0.5, 0.1, 0.01, 0.01), (options.Root, options.Gate, options.Margin, options.ShadowShare, options.CandidateShare, options.ControlShare, options.Alpha));
        Assert.Equal((10, 20, "other", 1.5, false), (options.MinPairs, options.MaxPairs, options.Judge, options.KlBudget, options.MustBeCheaper));
        Assert.Equal(new GuardrailMargins { Support = null, LongestLength = 2 }, options.Guardrails);
        Assert.Empty(Faults(options));
    }

    [Theory]
    [InlineData("\"Margin\": -0.1", "Margin")]
    [InlineData("\"ShadowShare\": 1.1", "ShadowShare")]
    [InlineData("\"CandidateShare\": -1", "CandidateShare")]
    [InlineData("\"ControlShare\": 2", "ControlShare")]
    [InlineData("\"Alpha\": 0", "Alpha")]
    [InlineData("\"Alpha\": 1", "Alpha")]
    [InlineData("\"MinPairs\": 0", "MinPairs")]
    [InlineData("\"MaxPairs\": 100", "MinPairs must not be above MaxPairs")]
    [InlineData("\"KlBudget\": -1", "KlBudget")]
    [InlineData("\"Judge\": \"\"", "Judge")]
    [InlineData("\"Guardrails\": {\"Empty\": 2}", "Empty")]
    public void A_value_out_of_its_range_is_refused_by_name(string setting, string name) =>
        Assert.Contains(name, Assert.Single(Faults(Bind($"{{\"Experiments\": {{{setting}}}}}"))), StringComparison.Ordinal);

    [Fact]
    public void The_record_of_a_decision_gives_rules_and_verdict_back_to_the_last_bit()
    {
        var rules = GateRules.Of(new ExperimentOptions { Guardrails = new GuardrailMargins { Support = null } }, comparison: 3, candidates: 16, kl: 0.1);
        var gate = new PromotionGate(rules);
        foreach (var pair in PairSamples.Many(100, 0.01))
        {
            gate.Add(pair);
        }

        var state = gate.State();
        var inputs = JsonNode.Parse(new JsonObject { [GateFiles.Rules] = GateFiles.ToJson(rules), [GateFiles.State] = GateFiles.ToJson(state) }.ToJsonString())!.AsObject();
        var (readRules, readState) = (GateFiles.ReadRules(inputs)!, GateFiles.ReadState(inputs)!);

        Assert.Equal(rules, readRules);
        Assert.Equal(state with { Guardrails = [], Reasons = [] }, readState with { Guardrails = [], Reasons = [] });
        Assert.Equal(state.Guardrails, readState.Guardrails);
        Assert.Equal(state.Reasons, readState.Reasons);
        Assert.Null(GateFiles.ReadRules(null));
        Assert.Null(GateFiles.ReadState([]));
        Assert.Throws<ExperimentException>(() => GateFiles.ReadRules(new JsonObject { ["rules"] = "none" }));
    }

    private static ExperimentOptions Bind(string json) => new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build()
        .GetSection(ExperimentOptions.Section).Get<ExperimentOptions>()!;

    private static IEnumerable<string> Faults(ExperimentOptions options) => new ExperimentOptionsValidator().Validate(null, options).Failures ?? [];
}
