using Mono.Cecil;
using Serving.Models;
using Xunit;

namespace Serving.Tests;

/// <summary>The folders of src/Serving are its architecture: this is their map, and the only place where a direction is allowed.</summary>
public sealed class ArchitectureTests
{
    private const string Root = "Serving";

    private static readonly Dictionary<string, string[]> _folders = new()
    {
        ["Tokenization"] = [],
        ["Observability"] = [],
        ["Requests"] = ["Observability"],
        ["Documentation"] = ["Requests", "Observability"],
        ["Kernels"] = [],
        ["Grammar"] = [],
        ["Models"] = ["Observability"],
        ["Episodes"] = ["Observability"],
        ["EpisodeTools"] = ["Episodes", "Models"],
        ["Feedback"] = ["Episodes", "Requests", "Observability"],
        ["Onnx"] = ["Models"],
        ["Inference"] = ["Models", "Onnx", "Kernels", "Tokenization", "Grammar", "Observability"],
        ["Scoring"] = ["Models", "Onnx", "Tokenization", "Requests", "Observability"],
        ["Admin"] = ["Models", "Inference", "Requests", "Observability"],
        ["Generation"] = ["Models", "Inference", "Scoring", "Episodes", "Experiments", "Tokenization", "Grammar", "Requests", "Observability"],
        ["Import"] = ["Models", "Onnx", "Tokenization", "Inference"],
        ["Batch"] = ["Models", "Inference", "Scoring", "Episodes", "EpisodeTools", "Tokenization", "Generation", "Experiments", "Requests", "Observability"],
        ["Experiments"] = ["Episodes", "Models", "Requests", "Observability"],
        ["Comparison"] = ["Models", "Onnx", "Inference", "Scoring", "Experiments", "Generation", "Batch", "Tokenization", "Requests", "Observability"],
        ["Training"] = ["Models", "Inference", "Scoring", "Episodes", "Onnx", "Observability"],
        ["Demo"] = ["Models", "Tokenization", "Experiments", "Training"],
    };

    private static readonly string[] _interfaces = ["IDecoder", "ITextScorer", "IObjective"];

    [Fact]
    public void Folders_use_only_what_the_map_allows_and_nothing_internal_of_another()
    {
        using var module = ModuleDefinition.ReadModule(typeof(ModelStore).Assembly.Location);

        Assert.Equal([], FolderRules.Violations(module, Root, _folders));
    }

    [Fact]
    public void A_direction_that_the_map_does_not_allow_is_found()
    {
        using var module = ModuleDefinition.ReadModule(typeof(ModelStore).Assembly.Location);
        var without = new Dictionary<string, string[]>(_folders) { ["Inference"] = ["Onnx", "Tokenization"] };

        Assert.Contains(
            "Inference may not use Models, but Inference.PolicyRegistry uses Models.ModelStore.", FolderRules.Violations(module, Root, without));
    }

    [Fact]
    public void A_folder_that_is_not_in_the_map_is_found()
    {
        using var module = ModuleDefinition.ReadModule(typeof(ModelStore).Assembly.Location);
        var without = new Dictionary<string, string[]>(_folders);
        without.Remove("Tokenization");

        Assert.Contains("Tokenization is not in the map of folders: give it its row.", FolderRules.Violations(module, Root, without));
    }

    [Theory]
    [InlineData("Field")]
    [InlineData("PropertyType")]
    [InlineData("BaseType")]
    [InlineData("Parameter")]
    [InlineData("Result")]
    [InlineData("Body")]
    [InlineData("Cast")]
    [InlineData("Lambda")]
    [InlineData("Iterator")]
    [InlineData("Asynchronous")]
    [InlineData("GenericArgument")]
    [InlineData("GenericMethod")]
    [InlineData("Constraint")]
    [InlineData("Caught")]
    [InlineData("Attributed")]
    [InlineData("NamedInAttribute")]
    [InlineData("ArrayOf")]
    public void Every_way_of_using_a_type_is_seen(string user)
    {
        using var module = ModuleDefinition.ReadModule(typeof(ArchitectureTests).Assembly.Location);
        var map = new Dictionary<string, string[]> { ["Upper"] = [], ["Lower"] = [] };

        var violations = FolderRules.Violations(module, "Serving.Tests.Rooms", map);

        Assert.Contains(violations, violation => violation.StartsWith($"Upper may not use Lower, but Upper.{user} uses Lower.", StringComparison.Ordinal));
        Assert.DoesNotContain(violations, violation => violation.StartsWith("Lower may not use", StringComparison.Ordinal));
    }

    [Fact]
    public void Internal_types_and_members_of_an_allowed_folder_are_found_and_public_ones_are_not()
    {
        using var module = ModuleDefinition.ReadModule(typeof(ArchitectureTests).Assembly.Location);
        var map = new Dictionary<string, string[]> { ["Upper"] = ["Lower"], ["Lower"] = [] };

        Assert.Equal(
            [
                "Lower.Hidden is internal to Lower, but Upper.UsesHidden uses it.",
                "Lower.Open.get_Inner is internal to Lower, but Upper.UsesMember uses it.",
                "Lower.Open/Nest is internal to Lower, but Upper.UsesNested uses it.",
            ],
            FolderRules.Violations(module, "Serving.Tests.Rooms", map));
    }

    [Fact]
    public void There_are_no_interfaces_but_the_three()
    {
        using var module = ModuleDefinition.ReadModule(typeof(ModelStore).Assembly.Location);

        var found = module.GetTypes().Where(type => type.IsInterface && type.FullName.StartsWith(Root + ".", StringComparison.Ordinal)).Select(type => type.Name).ToArray();

        Assert.Subset(_interfaces.ToHashSet(), found.ToHashSet());
        Assert.Contains("ITextScorer", found);
    }
}
