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
    public void A_name_gives_its_objectives(string recipe, string objectives, ObjectiveNeeds needs)
    {
        var objective = Recipe.Build(new TrainerOptions { Recipe = recipe });

        Assert.Equal(objectives, objective.Name);
        Assert.Equal(needs, objective.Needs);
    }

    [Fact]
    public void A_term_of_weight_zero_is_left_out_and_a_recipe_of_nothing_is_refused()
    {
        Assert.Equal("sft", Recipe.Build(new TrainerOptions { Recipe = "bond", Bond = { RegressionWeight = 0 } }).Name);
        Assert.Throws<ArgumentException>(() => Recipe.Build(new TrainerOptions { Recipe = "gkd", Gkd = { Weight = 0 } }));
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
