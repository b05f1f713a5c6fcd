using Serving.Testing;
using Serving.Trainer.Data;
using Serving.Trainer.Objectives;
using Serving.Trainer.Policy;
using TorchSharp;
using static Serving.Trainer.Tests.Data.SampleGroups;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Objectives;

/// <summary>Which tokens of answers of different lengths count: the cases of TRL's tests.</summary>
public sealed class SupervisedTokensTests
{
    /// <summary>Padding has the id of the end token: the end of an answer counts, padding behind it does not.</summary>
    [Theory]
    [InlineData(new[] { 21, 22, 0 }, new[] { 21, 22, 23, 24, 25 })]
    [InlineData(new[] { 5, 7 }, new[] { 5, 6, 9 })]        // ends by either of two stop tokens
    public void An_answers_own_end_counts_and_padding_does_not(int[] shorter, int[] longer)
    {
        using var scope = NewDisposeScope();
        using var policy = new PolicyModule(TinyPolicy.Config with { VocabularySize = 96, Layers = 1, HiddenSize = 32, Heads = 2, KeyValueHeads = 1 }, 1);
        using var together = Batch(shorter, longer);
        using var alone = Batch(shorter);

        Assert.Equal([.. shorter.Select(id => (long)id), .. longer.Select(id => (long)id)], together.Targets.data<long>().ToArray());
        Assert.Equal(
            new ObjectiveInputs(policy, alone).LogProbs[0].item<float>(), new ObjectiveInputs(policy, together).LogProbs[0].item<float>(), 1e-5f);
    }

    /// <summary>Each answer in a group, and so a padded row, of its own.</summary>
    private static TokenBatch Batch(params int[][] answers) => new BatchBuilder(2, 0, 1).Build(
        [.. answers.Select((tokens, i) => Group("g" + i, [1]) with { Candidates = [new GroupCandidate(tokens, -1, 0, 0, CandidateSource.Logged)] })], 0);
}
