using Serving.Trainer.Loop;
using Serving.Trainer.Objectives;

namespace Serving.Trainer.Tests.Loop;

public sealed class RecipeTests
{
    [Theory]
    [InlineData("bond", "sft+regression", ObjectiveNeeds.LoggedGroups)]
    [InlineData("gkd", "gkd", ObjectiveNeeds.LoggedGroups | ObjectiveNeeds.Teacher)]
    [InlineData("bond+gkd", "sft+regression+gkd", ObjectiveNeeds.LoggedGroups | ObjectiveNeeds.Teacher)]
    [InlineData("jbond", "jbond", ObjectiveNeeds.PolicySamples | ObjectiveNeeds.AnchorSamples)]
    [InlineData("off-policy", "off-policy", ObjectiveNeeds.LoggedGroups | ObjectiveNeeds.Start)]
    [InlineData("full-bond", "full-bond", ObjectiveNeeds.PolicySamples | ObjectiveNeeds.AnchorSamples)]
    [InlineData("bonbon", "bonbon", ObjectiveNeeds.LoggedGroups)]
    [InlineData("seqkd", "seqkd", ObjectiveNeeds.LoggedGroups)]
    [InlineData("gkd-reward", "reinforce+gkd", ObjectiveNeeds.PolicySamples | ObjectiveNeeds.Teacher)]
    [InlineData("reinforce", "reinforce", ObjectiveNeeds.PolicySamples | ObjectiveNeeds.Anchor)]
    [InlineData("entailment+gkd", "entailment+gkd", ObjectiveNeeds.PolicySamples | ObjectiveNeeds.Anchor | ObjectiveNeeds.LoggedGroups | ObjectiveNeeds.Teacher)]
    public void A_name_gives_its_objectives(string recipe, string objectives, ObjectiveNeeds needs)
    {
        var objective = Recipe.Build(new TrainerOptions { Recipe = recipe });

        Assert.Equal(objectives, objective.Name);
        Assert.Equal(needs, objective.Needs);
        Assert.True(new TrainerOptionsValidator().Validate(null, new TrainerOptions { Recipe = recipe }).Succeeded);
    }

    [Fact]
    public void A_term_of_weight_zero_is_left_out_and_a_recipe_of_nothing_is_refused()
    {
        Assert.Equal("sft", Recipe.Build(new TrainerOptions { Recipe = "bond", Bond = { RegressionWeight = 0 } }).Name);
        Assert.Throws<ArgumentException>(() => Recipe.Build(new TrainerOptions { Recipe = "gkd", Gkd = { Weight = 0 } }));
    }

    [Fact]
    public void One_anchor_moves_as_the_recipe_needs_it()
    {
        Assert.Equal(new AnchorSchedule(.02, 0), Recipe.Anchor(new TrainerOptions { Recipe = "reinforce+jbond" }));
        Assert.Equal(new AnchorSchedule(0, 9), Recipe.Anchor(new TrainerOptions { Recipe = "full-bond", FullBond = { AnchorEvery = 9 } }));
        Assert.Equal(default, Recipe.Anchor(new TrainerOptions { Recipe = "reinforce" }));
        Assert.Equal([0, 0, 1, 0, 0, 1], Enumerable.Range(0, 6).Select(step => new AnchorSchedule(0, 3).ShareAfter(step)));
        Assert.Equal(.02, new AnchorSchedule(.02, 0).ShareAfter(7));
    }

    [Fact]
    public void A_skewed_divergence_that_compares_a_side_with_itself_is_refused()
    {
        var options = new TrainerOptions { Gkd = { Divergence = DivergenceFamily.SkewForward, Beta = 1 } };

        Assert.Contains("below 1", new TrainerOptionsValidator().Validate(null, options).FailureMessage, StringComparison.Ordinal);
        options.Gkd.Beta = .1;
        Assert.True(new TrainerOptionsValidator().Validate(null, options).Succeeded);
    }

    [Theory]
    [InlineData("ppo")]
    [InlineData("bond+")]
    [InlineData("")]
    public void Unknown_recipes_and_settings_out_of_range_are_all_named(string recipe)
    {
        var result = new TrainerOptionsValidator().Validate(null, new TrainerOptions { Recipe = recipe, Steps = 0, Gkd = { Beta = 2 } });

        Assert.True(result.Failed);
        Assert.Equal(3, result.Failures!.Count());
        Assert.Contains(result.Failures!, failure => failure.Contains("Beta", StringComparison.Ordinal));
        Assert.True(new TrainerOptionsValidator().Validate(null, new TrainerOptions()).Succeeded);
    }
}
